"""Checks each line of an NDJSON file of OpenLineage events against the schema, formats included."""
import json
import sys
import uuid

from jsonschema import Draft202012Validator, FormatChecker

schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
formats = FormatChecker()


@formats.checks("uuid", raises=ValueError)
def is_uuid(text):
    return str(uuid.UUID(text)) == text


@formats.checks("date-time", raises=ValueError)
def is_time(text):
    import datetime

    datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return "T" in text


@formats.checks("uri", raises=ValueError)
def is_uri(text):
    return "://" in text


validator = Draft202012Validator(schema, format_checker=formats)
count = 0
for line in open(sys.argv[2], encoding="utf-8"):
    for error in validator.iter_errors(json.loads(line)):
        sys.exit(f"event {count}: {error.message} at {list(error.path)}")
    count += 1
if count == 0:
    sys.exit("no events")
print(f"events: {count}")
