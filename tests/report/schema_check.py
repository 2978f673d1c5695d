"""Checks JSON files against a JSON Schema: schema_check.py SCHEMA FILE. Exit 0: valid, 1: not,
77: the jsonschema module is not installed."""
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)

schema, document = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
problems = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
for problem in problems:
    print("/".join(map(str, problem.absolute_path)), problem.message[:200])
sys.exit(1 if problems else 0)
