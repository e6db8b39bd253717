"""What git, editors and file transfers do to the lines of a text file, by what it is called."""

import codecs

LINE_ENDS = {
    "of Windows": lambda text: text.replace(b"\n", b"\r\n"),
    "of an old Mac": lambda text: text.replace(b"\n", b"\r"),
    "with a byte order mark": lambda text: codecs.BOM_UTF8 + text,
    "with a blank line at the end": lambda text: text + b"\n",
    "without an end of the last line": lambda text: text.rstrip(b"\n"),
    "all at once": lambda text: codecs.BOM_UTF8 + (text + b"\n\n").replace(b"\n", b"\r\n"),
}
