"""Writes docs/errors.md from the sources: python3 docs/write_errors.py, from the top of the tree."""
import collections
import pathlib
import re

NAME = r'"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"'
# A code stands behind a kind, before a sentence, or first in a call of a helper that knows the kind (tests/cli/errors_doc_test.cpp).
CODES = [re.compile(rf'Kind::(\w+),\s*{NAME}\s*,?'),
         re.compile(rf'\b(?:no|refused?|ended_error)\(\s*(){NAME}\s*,?'),
         re.compile(rf'(){NAME},\s*(?=(?:fmt::format\()?\s*"(?:[A-Z]|\{{\}}))')]
HELPER = re.compile(r'\b(?:no|refused?|exclude)\(.{0,400}?Kind::(\w+)', re.S)
STRING = r'"(?:[^"\\]|\\.)*"'
WORDS = re.compile(rf'\s*(?:std::string\()?(?:fmt::format\()?\s*({STRING}(?:\s*{STRING})*)')
HEAD = """# Errors

Every error says what went wrong, what to do next, and a stable code. The code is for scripts and for looking it up here; the kind
decides the exit status (`docs/cli.md`). An ellipsis stands for what the message names; a dash in place of the kind: a case that is left
out, a notice or a finding, or a kind that the call chooses. Written by `docs/write_errors.py`.
"""


def sources():
    for path in sorted(pathlib.Path(".").rglob("*")):
        parts = path.parts
        if path.suffix in (".cpp", ".h") and parts[0] not in ("tests", "bench", "build") and "node_modules" not in parts:
            yield path.read_text(encoding="utf-8")


def sentence(after):
    found = WORDS.match(after)
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found.group(1))) if found else ""
    text = text.replace("\\n", " ").replace('\\"', '"')
    return re.sub(r"\{[^}]*\}", "…", text).replace("|", "\\|").strip()


def pattern_is_call(match):
    return match.re is CODES[1]


def main():
    rows = {}
    for source in sources():
        helper = HELPER.search(source)
        for match in (match for pattern in CODES for match in pattern.finditer(source)):
            kind, code = match.groups()
            named = re.match(r"\s*Kind::(\w+)", source[match.end():])
            by_helper = helper.group(1) if helper and pattern_is_call(match) else "–"
            kind = kind or (named.group(1) if named else by_helper)
            what = sentence(source[match.end():match.end() + 420])
            if code not in rows or (what and not rows[code][1]):
                rows[code] = (kind, what)
    groups = collections.defaultdict(list)
    for code, (kind, what) in sorted(rows.items()):
        groups[code.split(".")[0]].append(f"| `{code}` | {kind} | {what or 'The message says what and where.'} |")
    page = HEAD
    for group in sorted(groups):
        page += "\n## " + group + "\n\n| code | kind | what |\n|---|---|---|\n" + "\n".join(groups[group]) + "\n"
    pathlib.Path("docs/errors.md").write_text(page, encoding="utf-8")


main()
