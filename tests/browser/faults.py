"""Each thing that is asked of pages, on a page where it is wrong: a rule that notices nothing shows nothing."""

from page_rules import Rules

PAGE = """<!doctype html><html lang="en"><head><title>A page with faults</title><style>
body{{margin:0;background:#fff;color:#000}} a{{display:inline-block;padding:1rem}}
:focus-visible{{outline:3px solid #00c}}
{style}</style></head><body>
<a class="skip" href="#main">Skip</a><header><nav aria-label="Parts"><a href="#a">One</a> <a href="#b">Two</a></nav></header>
<main id="main"><h1>Faults</h1>{content}</main></body></html>"""

# What is wrong, how it comes about, and what must be said of it.
FAULTS = [
    ("", "<p><img src='data:,'></p>", "image-alt"),
    ("p{color:#aaa}", "<p>Hardly to be read</p>", "color-contrast"),
    ("@media (prefers-color-scheme:dark){p{color:#eee}}", "<p>Lost in the dark</p>", "390 dark: color-contrast"),
    ("main button{width:12px;height:12px;padding:0;border:0}", "<button aria-label='a'></button><button aria-label='b'></button>", "target-size"),
    ("", "<h1>Another one</h1>", "2 headings"),
    ("p{width:350px}", "<p>Wide</p>", "wider than 320"),
    ("p{width:400px}", "<p>Wider</p>", "wider than 390"),
    ("main a:focus-visible{outline:none}", "<a href='#c'>No ring</a>", "no focus ring"),
    ("main a:focus-visible{outline:3px solid #eee}", "<a href='#c'>A pale ring</a>", "focus ring with a contrast of 1"),
    ("p{display:flex;flex-direction:row-reverse}", "<p><a href='#c'>1</a><a href='#d'>2</a></p>", "out of order"),
    ("", "<a href='#c'>1</a><a href='#d' tabindex='1'>2</a>", "instead of"),
    ("main a{position:fixed;left:-500px}", "<a href='#c'>Away</a>", "out of sight"),
    ("i{position:fixed;inset:0;background:#fff8}", "<a href='#c'>Behind</a><i></i>", "covered by"),
    ("", "<a href='#c' onblur='this.focus()'>A trap</a><a href='#d'>Beyond</a>", "instead of"),
    (".skip{display:none}", "", "skip link"),
]


class Listener:
    """Stands for the report, and keeps what it would say."""

    def __init__(self):
        self.said = []

    def check(self, _, faults):
        self.said += faults


def said_of(page, output, style, content):
    """All that the rules say of such a page."""
    listener = Listener()
    page.set_content(PAGE.format(style=style, content=content))
    Rules(listener, output).all(page, "a-page-with-faults")
    return listener.said


def are_noticed(report, page, output):
    """One check for each fault, and one that nothing is made up."""
    for style, content, expected in FAULTS:
        said = said_of(page, output, style, content)
        report.is_so(f"{expected!r} is noticed in {content or style}", any(expected in one for one in said), said)
    # It wasn't loaded from anywhere, so it weighs nothing, which is noticed too.
    said = said_of(page, output, "", "<p>Well <a href='#c'>made</a></p>")
    report.is_so("a page without faults has none", len(said) == 1 and "it weighs 0 bytes" in said[0], said)
