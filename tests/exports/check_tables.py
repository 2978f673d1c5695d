"""Reads the CSV and HTML files of a folder: every row as wide as its head, every tag closed, no
resource from outside, every table of a page as wide as its head."""
import csv
import html.parser
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
void = {"meta", "br", "img", "hr"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.rows, self.tables = [], [], 0

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href") and value and not value.startswith("#"):
                sys.exit(f"{tag} loads {value}")
        if tag in ("script", "iframe", "object", "link"):
            sys.exit(f"a page of evidence holds <{tag}>")
        if tag in void:
            return
        self.open.append(tag)
        if tag == "table":
            self.rows, self.tables = [], self.tables + 1
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            sys.exit(f"</{tag}> closes what was not open")
        if tag == "table" and len(set(self.rows)) != 1:
            sys.exit(f"rows of a table differ in width: {self.rows}")


for path in sorted(folder.glob("*.csv")):
    raw = path.read_bytes().decode("utf-8")
    for part in raw.split("\r\n\r\n"):
        rows = [row for row in csv.reader(part.splitlines(keepends=True), strict=True) if row]
        if len(rows) < 2 or len({len(row) for row in rows}) != 1:
            sys.exit(f"{path.name}: rows of {sorted({len(row) for row in rows})} fields")
        for row in rows:
            if any(field[:1] in ("=", "+", "@") for field in row):
                sys.exit(f"{path.name}: a formula")
    print(path.name)
for path in sorted(folder.glob("*.html")):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    if page.open or page.tables == 0:
        sys.exit(f"{path.name}: left open {page.open}, {page.tables} tables")
    print(path.name, page.tables)
