# A small shop, as an agent would write it: eleven kinds of resources. `hash_key` is what the second plan changes.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "hash_key" {
  type    = string
  default = "id"
}

provider "aws" {
  s3_use_path_style = true # by endpoint a bucket cannot stand in the host name
  default_tags {
    tags = { owner = "shop" }
  }
}

resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = var.hash_key
  attribute {
    name = var.hash_key
    type = "S"
  }
}

resource "aws_s3_bucket" "receipts" {
  bucket = "shop-receipts"
}

resource "aws_s3_object" "note" {
  bucket  = aws_s3_bucket.receipts.id
  key     = "notes/a b.txt"
  content = "kept for ten years"
}

resource "aws_sqs_queue" "jobs" {
  name = "jobs"
}

resource "aws_sns_topic" "news" {
  name = "news"
}

resource "aws_ssm_parameter" "url" {
  name  = "/shop/url"
  type  = "String"
  value = "https://shop.example"
}

resource "aws_iam_role" "runner" {
  name = "runner"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_cloudwatch_log_group" "runner" {
  name              = "/shop/runner"
  retention_in_days = 14
}

resource "aws_kms_key" "shop" {
  description = "shop"
}

resource "aws_vpc" "shop" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_security_group" "shop" {
  name        = "shop"
  description = "shop"
  vpc_id      = aws_vpc.shop.id
}
