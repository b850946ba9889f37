"""The commands of docs/deploying.md, run as they stand there."""

import re
import shlex


class Docs:
    """A page whose commands are indented, each on a line of its own or on several that end with a backslash."""

    def __init__(self, path, table):
        self.table = table
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = re.findall(r"^ {4}portcullis +(.*)$", text, re.MULTILINE)
        # What stands after < is given on the standard input.
        self.commands = [shlex.split(line.split(" < ")[0]) for line in lines]

    def command(self, name, which=0, **values):
        """The words of that command, such as `firm open`, with the page's stand-ins replaced. The page speaks of one
        deployment here and of another there: whoever runs a command says of which table."""
        begins = name.split()
        found = [words for words in self.commands if words[: len(begins)] == begins]
        assert found and which < len(found), f"docs/deploying.md has no {name} number {which}"
        words = []
        for word in found[which]:
            for stand_in, value in values.items():
                word = re.sub(rf"\b{re.escape(stand_in)}\b", value, word)
            words.append(word)
        words[words.index("--table") + 1] = self.table
        return words
