"""The GraphiQL page as a person meets it: its tabs, its editors, its answer."""

from pathlib import Path

from tests.browser.devtools import CONTROL, Page

LINES = """[...document.querySelectorAll('%s .view-line')]
  .sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top))
  .map(line => line.textContent.replaceAll('\\u00a0', ' ')).join('\\n')"""
QUERY, ANSWER = LINES % ".graphiql-query-editor", LINES % ".graphiql-response"
HEADERS = LINES % ".graphiql-editor-tool"
SETTLED = "localStorage.getItem('graphiql:query')"
"""The query that GraphiQL has understood; it lags a tenth of a second behind the editor."""

TABS = "[...document.querySelectorAll('.graphiql-tab-button')].map(tab => tab.textContent)"


class GraphiQL:
    """GraphiQL in one page of a browser."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    def visit(self) -> None:
        """Opens it, or opens it again, and waits until it knows the schema."""
        self.page.open(f"{self.address}/graphiql")
        self.page.see("document.querySelector('.graphiql-query-editor .view-line')")
        asked = f"performance.getEntriesByName('{self.address}/graphql').length"
        self.page.see(f"{asked} && !document.querySelector('.graphiql-sidebar button[disabled]')")

    def tabs(self) -> list[str]:
        """The names of the tabs."""
        names: list[str] = self.page.do(TABS)
        return names

    def choose(self, tab: str) -> None:
        """Goes to the tab of a name, and waits until its query is understood."""
        self.page.click(_with_text(".graphiql-tab-button", tab))
        self.page.see(f"{SETTLED}.includes(' {tab}(')")

    def button(self, label: str) -> None:
        """Presses the button that a screen reader calls so."""
        self.page.click(f"document.querySelector('[aria-label=\"{label}\"]')")

    def tool(self, name: str) -> None:
        """Shows the editor of variables or of headers."""
        self.page.click(_with_text(".graphiql-editor-tools button", name))

    def write(self, text: str) -> None:
        """Types a new query over the old one, and waits until it is understood."""
        self.page.click("document.querySelector('.graphiql-query-editor .view-line')")
        self.page.press("a", CONTROL)
        self.page.press("Delete")
        self.page.type(text)
        self.page.see(f"{SETTLED}.startsWith({text!r})")

    def run(self) -> None:
        """Runs what the editor holds, or stops what is running."""
        self.page.click("document.querySelector('.graphiql-execute-button')")

    def answer(self, words: str) -> str:
        """The answer, once some words stand in it."""
        shown: str = self.page.see(f"(text => text.includes({words!r}) && text)({ANSWER})")
        return shown

    def kept(self) -> str:
        """What the browser keeps of the visit."""
        kept: str = self.page.do("JSON.stringify(localStorage)")
        return kept

    def strangers(self) -> list[str]:
        """What was asked of anybody but the gateway."""
        ours = (self.address + "/", self.address.replace("http", "ws") + "/", "data:")
        return [url for url in self.page.requests if not url.startswith(ours)]

    def picture(self, path: Path) -> None:
        """Writes what is seen as PNG."""
        self.page.picture(path)


def _with_text(selector: str, text: str) -> str:
    """The element of a kind whose text is exactly this."""
    return (
        f"[...document.querySelectorAll({selector!r})].find(e => e.textContent.trim() === {text!r})"
    )
