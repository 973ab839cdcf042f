"""A dozen small files of every kind, some of them broken on purpose, made on the spot."""

import base64
from collections.abc import Sequence
from pathlib import Path

GOOD = {
    "cats.pdf",
    "dogs.docx",
    "guide/birds.html",
    "guide/fish.md",
    "guide/horses.txt",
    "guide/ants.rst",
    "README",
}
BAD = {"broken.pdf", "secret.pdf", "scan.pdf", "empty.txt", "broken.docx", "picture.png"}

HTML = """<!doctype html><html><head><title>All about birds</title>
<style>p {color: red}</style></head>
<body><nav>Home Up</nav><h1>Birds</h1><p>A <b>swift</b> sleeps in the air.</p>
<script>evil()</script>
<table><tr><th>Bird</th><th>Eggs</th></tr><tr><td>Robin</td><td>5</td></tr></table>
<pre>two
  lines</pre><ul><li>owl</li><li>wren</li></ul></body></html>
"""

MARKDOWN = """---
title: "Fish of the sea"
---
# Fish

A *salmon* finds [its river](https://example.org/river) by `smell`.

## Sizes

| Fish | Length |
|------|--------|
| Eel  | 80 cm  |

```python
swim("deep")
```
"""

RST = "====\nAnts\n====\n\nAn ant colony has no leader.\n"


def write_files(folder: Path) -> None:
    """Fill `folder` with `GOOD` and `BAD`, and with hidden files that are to be ignored."""
    for below in ("guide", ".git"):
        (folder / below).mkdir(parents=True)
    (folder / "cats.pdf").write_bytes(
        pdf_of(["Cats purr at thirty hertz.", "A cat sleeps all day."])
    )
    write_docx(folder / "dogs.docx")
    (folder / "guide" / "birds.html").write_text(HTML)
    (folder / "guide" / "fish.md").write_text(MARKDOWN)
    (folder / "guide" / "horses.txt").write_text("A horse sleeps standing.\n")
    (folder / "guide" / "ants.rst").write_text(RST)
    (folder / "README").write_text("Notes about animals.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing that follows makes sense\n")
    (folder / "secret.pdf").write_bytes(encrypted_pdf())
    (folder / "scan.pdf").write_bytes(pdf_of([""]))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "broken.docx").write_bytes(b"PK\x03\x04 cut off")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / ".git" / "config").write_text("hidden")
    (folder / ".hidden.txt").write_text("hidden")
    (folder / "backup.txt~").write_text("hidden")


def write_docx(file: Path) -> None:
    """A Word document with a heading, paragraphs around a table, and a title."""
    import docx

    word = docx.Document()
    word.core_properties.title = "All about dogs"
    word.add_heading("Dogs", level=1)
    word.add_paragraph("A dog hears four times as far.")
    table = word.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Breed", "Height", "Beagle", "38 cm"], strict=True):
        cell.text = text
    word.add_paragraph("After the table.")
    word.save(str(file))


def pdf_of(pages: Sequence[str]) -> bytes:
    """A PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    shape = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        bodies += [
            f"<< /Type /Page /Parent 2 0 R {shape} /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        ]
    return _assembled(bodies)


def _assembled(bodies: Sequence[str]) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(bodies) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()


def encrypted_pdf() -> bytes:
    """One page behind a password, which qpdf made of `pdf_of`."""
    return base64.b64decode((Path(__file__).parent / "data" / "encrypted.pdf.b64").read_text())
