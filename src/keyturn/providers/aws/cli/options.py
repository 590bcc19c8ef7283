"""What a command of the CLI's own was given, as the functions that know such commands want it."""

from __future__ import annotations

from typing import Any

from keyturn.providers.aws.cli.arguments import Given
from keyturn.providers.aws.cli.values import Files
from keyturn.providers.aws.languages.documents import NoDocumentError, read_object


class Options:
    """Arguments by name; what could not be read of them is collected in `unknown`."""

    def __init__(self, asked: Given, files: Files) -> None:
        self._asked, self._files = asked, files
        self.unknown: list[str] = []

    def has(self, name: str) -> bool:
        return name in self._asked.values

    def text(self, name: str) -> str:
        """The value; empty where it was not given."""
        return self._asked.values[name].text if self.has(name) else ""

    def texts(self, name: str) -> list[str]:
        return [word.text for word in self._asked.values[name].words] if self.has(name) else []

    def place(self, number: int) -> str:
        """A value by its place. Raises `ValueError` where there is none."""
        places = [
            *(
                word
                for value in self._asked.values.values()
                if value.argument.form.startswith("p")
                for word in value.words[:1]
            ),
            *self._asked.places,
        ]
        unique = list(dict.fromkeys(id(word) for word in places))
        by_id = {id(word): word for word in places}
        if number >= len(unique):
            raise ValueError("it lacks what it is about")
        return by_id[unique[number]].text

    def given(self, names: dict[str, str]) -> dict[str, Any]:
        """Those of the arguments that were given, under the names of the operation."""
        return {member: self.text(name) for name, member in names.items() if self.has(name)}

    def file(self, name: str, member: str) -> dict[str, Any]:
        """The content of the file that an argument names, as a member; nothing where it cannot be read, which is said."""
        path = self.text(name).removeprefix("file://")
        data = self._files(path) if path else None
        if data is None:
            self.unknown.append(f"the file {path or name} could not be read")
            return {}
        return {member: data.decode(errors="replace")}

    def document(self, name: str) -> dict[str, Any]:
        """The object in the file that an argument names; empty where it cannot be read, which is said."""
        text = self.file(name, "text").get("text")
        try:
            return read_object(text) if text is not None else {}
        except NoDocumentError as error:
            self.unknown.append(f"--{name}: {error}")
            return {}
