"""report.py's page as a browser shows it: without network or scripts, at any width, in both colours, on paper."""

import re
import shutil

import pytest
import report

from tests.analysis.reports import write_folder, write_run

# Also where it is there and lacks a library of the system, which is another ImportError.
sync_api = pytest.importorskip("playwright.sync_api", exc_type=ImportError)

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 10_000
LONG = "a-name-without-any-place-to-break-it-" + 60 * "x"

# Ratio of the luminances of a text and of the ground that it stands on, as WCAG 2.2 defines it.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = colour => {
    const [r, g, b] = rgba(colour).slice(0, 3).map(c => c / 255).map(
      c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    while (element && rgba(getComputedStyle(element).backgroundColor)[3] === 0) element = element.parentElement;
    return element ? getComputedStyle(element).backgroundColor : "white";
  };
  const found = {};
  for (const element of document.querySelectorAll("h1,h2,h3,p,a,li,dt,dd,th,td,caption,figcaption,summary")) {
    const pair = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
    const tag = element.tagName.toLowerCase();
    found[tag] = Math.min(found[tag] ?? 99, (pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("browser") / "runs")
    write_run(folder / f"{LONG}.h5", [0.5, 0.75], "running", epochs=3, partition=LONG, method="ssgd", note=LONG)
    (folder / "empty.h5").touch()
    output = folder.parent / "report.html"
    assert report.main([str(folder), "-o", str(output)]) == 1
    return output


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    try:
        playwright = sync_api.sync_playwright().start()
    # It has no kind of error of its own for this.
    except Exception as error:
        pytest.skip(f"playwright cannot start: {first_line(error)}")
    try:
        # Containers often have too little of /dev/shm for a browser.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=program, args=arguments, timeout=PATIENCE_MS)
    except sync_api.Error as error:
        playwright.stop()
        pytest.skip(f"{program} cannot start: {first_line(error)}")
    yield started
    started.close()
    playwright.stop()


def first_line(error):
    return str(error).partition("\n")[0]


@pytest.fixture(scope="module")
def pages(browser):
    """An empty page with scripts, and one without; to open one for each test would take most of the time."""
    return {
        scripts: browser.new_context(offline=True, java_script_enabled=scripts).new_page() for scripts in (True, False)
    }


@pytest.fixture
def visit(pages, path):
    """Opens the report; whatever it asks for or complains about fails the test in the end."""
    requests, troubles = [], []
    listeners = {
        "request": lambda request: requests.append(request.url),
        "console": lambda message: troubles.append(message.text),
        "pageerror": lambda error: troubles.append(str(error)),
    }
    for page in pages.values():
        for event, listener in listeners.items():
            page.on(event, listener)

    def open_page(width=1280, scheme="light", *, scripts=True):
        page = pages[scripts]
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(media="screen", color_scheme=scheme)
        page.goto(path.as_uri())
        return page

    yield open_page
    for page in pages.values():
        # What happened before the answer has been told with it.
        page.evaluate("0")
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
    assert troubles == []
    assert {url for url in requests if not url.startswith("data:")} == {path.as_uri()}


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(visit, width):
    page = visit(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Nor does anything stick out that its box does not scroll.
    out = """() => [...document.querySelectorAll("main *")].filter(e => !e.closest(".box, svg, .skip"))
      .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(out) == []
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("figure svg, figure img")]
        .map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"""
    )
    assert len(sizes) == 7
    assert all(across > 200 and down > 100 for across, down in sizes)


def test_the_first_column_of_a_wide_table_stays(visit):
    page = visit(390)
    before, after = page.evaluate(
        """() => {
          const box = [...document.querySelectorAll(".box")].find(e => e.scrollWidth > e.clientWidth + 200 &&
            e.querySelector("tbody th[scope=row]"));
          const left = () => box.querySelector("tbody th[scope=row]").getBoundingClientRect().left;
          const before = left(); box.scrollLeft = 150; return [before, left()];
        }"""
    )
    assert before == after


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_their_ground(visit, scheme):
    page = visit(scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) == 13
    assert {tag: ratio for tag, ratio in found.items() if ratio < 4.5} == {}
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    grounds = "[...document.querySelectorAll('figure .box')].map(e => getComputedStyle(e).backgroundColor)"
    assert set(page.evaluate(grounds)) == {"rgb(255, 255, 255)"}


def test_links_lead_somewhere_and_boxes_take_the_keyboard(visit):
    page = visit()
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Single runs").click()
    assert page.evaluate("document.getElementById('runs').getBoundingClientRect().top") < 800
    assert page.url.endswith("#runs")
    scrolling = "[...document.querySelectorAll('.box:not(.paper)')].every(e => e.tabIndex === 0 && e.ariaLabel)"
    assert page.evaluate(scrolling)
    assert page.get_by_role("table", name="Absolute figures").count() == 1
    assert page.get_by_role("img", name="Test accuracy in percent above").count() == 1


def test_paper_has_all_of_the_tables(visit):
    page = visit(width=688)
    content = page.pdf(prefer_css_page_size=True)
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 5
    page.emulate_media(media="print")
    clipped = """() => [...document.querySelectorAll(".box")].filter(e => e.offsetParent)
      .filter(e => e.scrollWidth > e.clientWidth + 1 || getComputedStyle(e).overflowX !== "visible")
      .map(e => e.innerText.slice(0, 60))"""
    assert page.evaluate(clipped) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    shown = "[...document.querySelectorAll('.paper table')].every(e => e.offsetParent)"
    assert page.evaluate(shown)


def test_it_needs_no_javascript(visit):
    page = visit(scripts=False)
    details = page.locator("details").first
    details.locator("summary").first.click()
    assert details.get_by_text("gsgm-1.h5, finished").is_visible()
