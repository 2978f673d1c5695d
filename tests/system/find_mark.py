"""Searches every byte of files and folders for a mark: as it is and without case, in base64 at all three alignments, in hexadecimal, and inside gzip and SST data as stored."""
import base64
import gzip
import pathlib
import re
import sys
import zlib

mark, places = sys.argv[1].encode(), sys.argv[2:]
plain = re.compile(re.escape(mark), re.I)
# The middle of each alignment: what is sure to be there whatever stands before and after.
coded = [mark.hex().encode()]
for shift in range(3):
    text = base64.b64encode(b"\0" * shift + mark)
    coded.append(text[4 if shift else 0:-4])


def finds(content):
    return plain.search(content) or any(word in content for word in coded)


searched = bytes_read = 0
bad = []
for place in map(pathlib.Path, places):
    for path in [place] if place.is_file() else sorted(place.rglob("*")):
        if plain.search(str(path.relative_to(place) if path != place else path.name).encode()):
            bad.append(f"{path}: in its name")
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        searched += 1
        bytes_read += len(content)
        layers = [content]
        if content[:2] == b"\x1f\x8b":
            try:
                layers.append(gzip.decompress(content))
            except (OSError, EOFError, zlib.error):
                pass
        # Envelopes carry their statement in base64: look at what they say.
        for chunk in re.findall(rb'"payload":"([A-Za-z0-9+/=]{40,})"', content):
            layers.append(base64.b64decode(chunk))
        if any(finds(layer) for layer in layers):
            bad.append(f"{path}: {sum(1 for layer in layers if finds(layer))} layers")
print(f"{searched} files, {bytes_read} bytes")
for line in bad[:5]:
    print("FOUND", line)
if len(bad) > 5:
    print(f"... and {len(bad) - 5} more")
if searched == 0:
    print("nothing was searched")
sys.exit(1 if bad or searched == 0 else 0)
