// One call of the JS SDK v3, as an agent's script would make it: node ask.mjs SERVICE COMMAND JSON. Prints one line of JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.CLIENTS_NPM + "/"));
const [service, command, given] = process.argv.slice(2);
const sdk = require(`@aws-sdk/client-${service}`);
const settings = {};
if (process.env.HTTPS_PROXY) {
  // The SDK does not look at HTTPS_PROXY, and its own agent does not heed NODE_USE_ENV_PROXY (Node 24): it takes a request handler.
  const { HttpsProxyAgent } = require("https-proxy-agent");
  const { NodeHttpHandler } = require("@smithy/node-http-handler");
  settings.requestHandler = new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
}
const name = Object.keys(sdk).find((key) => key.endsWith("Client") && key !== "__Client" && !key.startsWith("_"));
const client = new sdk[name](settings);
try {
  const { $metadata, ...answer } = await client.send(new sdk[`${command}Command`](JSON.parse(given ?? "{}")));
  if (answer.Body?.transformToString) answer.Body = await answer.Body.transformToString();
  console.log(JSON.stringify({ answer, attempts: $metadata.attempts }));
} catch (error) {
  console.log(JSON.stringify({
    error: error.name,
    message: error.message,
    status: error.$metadata?.httpStatusCode,
    attempts: error.$metadata?.attempts,
  }));
  process.exitCode = 1;
}
