"""Reads PROV-JSON with python3-prov, writes it, reads it again: both documents must be equal."""
import sys

from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity

text = open(sys.argv[1], encoding="utf-8").read()
document = ProvDocument.deserialize(content=text, format="json")
again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
if document != again:
    sys.exit("the document changed on its way through PROV-JSON")
document.get_provn()
for name, sort in (("entities", ProvEntity), ("activities", ProvActivity), ("agents", ProvAgent)):
    count = len(list(document.get_records(sort)))
    if count == 0:
        sys.exit(f"no {name}")
    print(f"{name}: {count}")
known = {str(record.identifier) for record in document.get_records((ProvEntity, ProvActivity, ProvAgent))}
for record in document.get_records():
    if record.is_element():
        continue
    ends = [str(value) for _, value in record.formal_attributes[:2]]
    missing = [end for end in ends if end not in known]
    if missing:
        sys.exit(f"{record} names {missing}, which is nowhere")
