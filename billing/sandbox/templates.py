"""The HTML templates of the pages. `pages.py` fills in each `$name`."""

from string import Template

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title – Sandbox bank</title>
<style>
:root {
  --ground: #f2f4f1; --sheet: #ffffff; --ink: #1c2620; --quiet: #55635a; --line: #d5dcd6;
  --go: #14633f; --on-go: #ffffff; --warn-ground: #fff3cf; --warn-ink: #5c4300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121714; --sheet: #1b221e; --ink: #e9efea; --quiet: #a5b3aa; --line: #37423b;
    --go: #6fd3a1; --on-go: #06261a; --warn-ground: #3a2f10; --warn-ink: #ffe29a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 32rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.125rem; letter-spacing: .01em; margin: 0 0 1rem; }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
a { color: var(--go); }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem; }
.sandbox { background: var(--warn-ground); color: var(--warn-ink); border-radius: .5rem; padding: .625rem .875rem; }
.amount { font-size: 2.25rem; font-weight: 650; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
.amount, td { font-variant-numeric: tabular-nums; }
dl { margin: 0 0 1.5rem; border-top: 1px solid var(--line); }
dl div { padding: .625rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--quiet); font-size: .875rem; }
dd { margin: 0; overflow-wrap: anywhere; }
button { display: block; width: 100%; min-height: 3rem; margin: 0 0 .625rem; padding: .5rem 1rem; cursor: pointer;
  font: inherit; color: inherit; background: transparent; border: 1px solid var(--quiet); border-radius: .5rem; }
button:hover { border-color: var(--ink); }
button.go { background: var(--go); border-color: var(--go); color: var(--on-go); font-weight: 650; }
:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; }
label { display: flex; gap: .625rem; align-items: baseline; padding: .5rem 0; }
td:first-child { white-space: nowrap; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .5rem .75rem .5rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-size: .875rem; font-weight: 400; }
</style>
</head>
<body>
<main>
<h1>Sandbox bank</h1>
<p class="sandbox" role="note">This is a sandbox: <strong>no money moves</strong>.</p>
<section class="sheet" aria-labelledby="title">
<h2 id="title">$title</h2>
$body</section>
</main>
</body>
</html>
""")

_FACTS = """<p class="amount">$amount</p>
<dl>
<div><dt>For</dt><dd>$description</dd></div>
<div><dt>Shop reference</dt><dd>$reference</dd></div>
</dl>
"""

CHOICE = Template(
    _FACTS
    + """<form method="post" action="/pay/$id">
<button class="go" name="action" value="pay">Pay $amount</button>
<button name="action" value="authorize">Pay, but only hold the money</button>
<button name="action" value="decline">Let the card be declined</button>
<button name="action" value="cancel">Cancel</button>
<label><input type="checkbox" name="stay" value="1"> Close the tab: do not go back to the shop</label>
</form>
<p>Open until $expires_at.</p>
"""
)

FINISHED = Template(_FACTS + "<p>There is nothing left to do here. Status: $status.</p>\n")

WAY_BACK = Template('<p><a href="$url">Back to the shop</a></p>\n')

CLOSING = Template(_FACTS + "<p>You can close this tab. The shop learns about it without you.</p>\n")

NOTICE = Template("<p>$text</p>\n")

FRONT = Template("""<div class="scroll" tabindex="0" role="region" aria-labelledby="title">
<table>
<thead><tr>
<th scope="col">Amount</th><th scope="col">Status</th><th scope="col">Reference</th><th scope="col">For</th>
</tr></thead>
<tbody>$rows</tbody>
</table>
</div>
""")

ROW = Template(
    '<tr><td><a href="/pay/$id">$amount</a></td><td>$status</td><td>$reference</td><td>$description</td></tr>\n'
)
