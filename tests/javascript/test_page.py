"""What people see of a live view and do with it, in a real browser, with a fake kernel."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Locator, Page, expect

from tests.javascript.conftest import Show

ROOT = "m816v5560z1jkk"
HOSTILE = "<img src=x onerror='window.hacked = 1'>"


def row(page: Page, title: str) -> Locator:
    """The first row in sight with this title."""
    return page.get_by_role("treeitem").filter(has_text=re.compile(rf"^{re.escape(title)}")).first


def tree(page: Page) -> Locator:
    return page.get_by_role("tree")


async def sent(page: Page, kind: str) -> list[dict[str, object]]:
    """What the module said to its kernel, of one kind."""
    said: list[dict[str, object]] = await page.evaluate(
        "kind => kernel.model.sent.filter(({ t }) => t === kind)", kind
    )
    return said


async def change(page: Page, **fields: object) -> None:
    """The kernel says that the root has changed."""
    await page.evaluate("([id, set]) => kernel.delta({ set: [[id, set]] })", [ROOT, fields])


async def test_a_tree_of_ten_thousand_draws_only_what_is_in_sight(show: Show) -> None:
    page = await show("jobs=10000")
    assert await page.get_by_role("treeitem").count() < 40
    await row(page, "read part 1").locator(".pj-twisty").click()

    await tree(page).focus()
    await page.keyboard.press("End")

    last = page.get_by_role("treeitem").filter(has_text="store part 19").first
    await expect(last).to_be_visible()
    assert await page.get_by_role("treeitem").count() < 40
    await page.keyboard.press("Home")
    await expect(row(page, "embed chunk 5")).to_have_attribute("aria-setsize", "498")
    await expect(row(page, "embed chunk 5")).to_have_attribute("aria-posinset", "5")
    await expect(row(page, "embed chunk 5")).to_have_attribute("aria-level", "3")


async def test_rows_follow_the_kernel(show: Show) -> None:
    page = await show("jobs=20")

    await change(page, progress=73.2, step="sorting", error=None)

    await expect(row(page, "ingest docs/")).to_contain_text("73%")
    await expect(row(page, "ingest docs/")).to_contain_text("sorting")
    await change(page, status="completed", progress=100, ended=1)
    await expect(row(page, "ingest docs/")).to_contain_text("Completed")
    await expect(page.locator("[aria-live=polite]")).to_have_text("ingest docs/: completed")


async def test_a_hostile_text_stays_text_everywhere(show: Show) -> None:
    page = await show("jobs=20")

    await change(page, title=HOSTILE, step=HOSTILE, worker=HOSTILE, error=HOSTILE)
    await row(page, HOSTILE).click()
    about = dict.fromkeys(("description", "arguments", "traceback", "error", "result"), HOSTILE)
    logs, lists = [[1, HOSTILE, HOSTILE]], [[1, HOSTILE, 1, 2, HOSTILE]]
    await page.evaluate(
        "about => kernel.model.tell(about)",
        {"t": "details", "id": ROOT, **about, "logs": logs, "attempts": lists},
    )

    await expect(page.get_by_role("region", name="Details")).to_contain_text(HOSTILE)
    assert await page.locator(".parrot-jobs img").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_the_keyboard_goes_everywhere(show: Show) -> None:
    page = await show("jobs=40")
    await tree(page).focus()

    async def active() -> str:
        name = await tree(page).get_attribute("aria-activedescendant")
        label = await page.locator(f"[id='{name}']").get_attribute("aria-label")
        return (label or "").split(",")[0]

    async def goes(key: str, to: str) -> None:
        await page.keyboard.press(key)
        await page.wait_for_timeout(50)
        assert await active() == to

    await goes("ArrowDown", "read part 1")
    await goes("ArrowRight", "embed chunk 1")
    await goes("ArrowLeft", "read part 1")
    await goes("ArrowLeft", "read part 1")
    await expect(row(page, "read part 1")).to_have_attribute("aria-expanded", "false")
    await goes("ArrowDown", "split part 2")
    await goes("Home", "ingest docs/")
    await goes("PageDown", "embed chunk 4")
    await goes("ArrowUp", "embed chunk 3")


async def test_details_open_by_enter_follow_the_keyboard_and_close_by_escape(show: Show) -> None:
    page = await show("jobs=40")
    await tree(page).focus()
    await page.keyboard.press("ArrowDown")

    await page.keyboard.press("Enter")

    details = page.get_by_role("region", name="Details")
    await expect(details).to_contain_text("the page has no text layer")
    await expect(details.get_by_role("img", name="attempts on")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await expect(details.get_by_role("heading", level=4)).to_have_text("embed chunk 1")
    await page.clock.run_for(200)
    await page.keyboard.press("Tab")
    await expect(details.get_by_role("button").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(details).to_be_hidden()
    await expect(tree(page)).to_be_focused()
    assert [look["id"] for look in await sent(page, "look")] == [f"{ROOT}.0", f"{ROOT}.0.0", None]


async def test_what_somebody_has_shut_stays_shut(show: Show) -> None:
    page = await show("jobs=200")
    running = row(page, "split part 7")
    await expect(running).to_have_attribute("aria-expanded", "true")
    await running.locator(".pj-twisty").click()

    await page.evaluate("for (let turn = 0; turn < 20; turn++) kernel.step()")

    await expect(running).to_have_attribute("aria-expanded", "false")


async def test_what_has_finished_shuts_but_not_under_the_pointer(show: Show) -> None:
    page = await show("jobs=200")
    group = row(page, "split part 7")
    finished = f"kernel.delta({{ set: [['{ROOT}.6', {{ status: 'completed' }}]] }})"
    await group.hover()

    await page.evaluate(finished)

    await expect(group).to_contain_text("Completed")
    await expect(group).to_have_attribute("aria-expanded", "true")
    await page.mouse.move(5, 5)
    await expect(group).to_have_attribute("aria-expanded", "false")


async def test_what_is_in_sight_stays_where_it_is(show: Show) -> None:
    page = await show("jobs=200")
    await row(page, "read part 6").scroll_into_view_if_needed()
    await tree(page).evaluate("tree => { tree.scrollTop = 390 }")
    await page.wait_for_timeout(100)
    before = await row(page, "read part 6").bounding_box()

    late = {"id": f"{ROOT}.0.99", "parent": f"{ROOT}.0", "title": "late", "status": "queued"}
    await page.evaluate("late => kernel.delta({ new: [late] })", late)
    await page.wait_for_timeout(100)

    assert await row(page, "read part 6").bounding_box() == before


async def test_a_press_is_seen_until_it_is_done(show: Show) -> None:
    page = await show("jobs=20")
    head = page.locator(".pj-summary")

    await head.get_by_role("button", name="Cancel").click()

    await expect(head.get_by_role("button", name="Cancel")).to_be_disabled()
    await page.clock.run_for(400)
    await expect(head.get_by_role("button", name="Cancel")).to_have_count(0)
    await expect(row(page, "ingest docs/")).to_contain_text("Cancelled")
    assert [act["ids"] for act in await sent(page, "act")] == [[ROOT]]


async def test_buttons_of_a_row_come_with_the_pointer(show: Show) -> None:
    page = await show("jobs=20")
    here = row(page, "ingest docs/")
    await expect(here.get_by_role("button", name="Pause")).to_be_hidden()

    await here.hover()
    await here.get_by_role("button", name="Pause").click()
    await page.clock.run_for(400)

    await expect(here).to_contain_text("Paused")
    await expect(here.get_by_role("button", name="Resume")).to_be_visible()


async def test_an_action_that_failed_says_why(show: Show) -> None:
    page = await show("jobs=40")
    await row(page, "read part 1").hover()

    await row(page, "read part 1").get_by_role("button", name="Run again").click()
    await page.clock.run_for(400)

    notice = page.locator(".pj-notice")
    await expect(notice).to_have_text(
        "Could not run again “read part 1”: the job is still being stopped"
    )
    await notice.get_by_role("button", name="Dismiss").click()
    await expect(notice).to_be_hidden()


async def test_the_first_click_into_a_scrolled_tree_hits_its_row(show: Show) -> None:
    page = await show("jobs=200")
    await tree(page).evaluate("tree => { tree.scrollTop = 400 }")

    await row(page, "split part 7").click()

    await expect(page.get_by_role("region", name="Details of split part 7")).to_be_visible()


async def test_the_keyboard_begins_with_the_first_row_in_sight(show: Show) -> None:
    page = await show("jobs=200")
    await tree(page).evaluate("tree => { tree.scrollTop = 260 }")

    await page.get_by_role("button", name=re.compile("failed$")).focus()
    await page.keyboard.press("Tab")

    await expect(page.locator("[aria-selected=true]")).to_contain_text("embed chunk 9")


async def test_the_next_failed_job_is_one_click_away(show: Show) -> None:
    page = await show("jobs=10000")
    button = page.get_by_role("button", name=re.compile("failed$"))

    await button.click()
    await expect(page.locator("[aria-selected=true]")).to_contain_text("ValueError")
    first = await page.locator("[aria-selected=true]").get_attribute("data-id")
    await button.click()

    await expect(page.locator("[aria-selected=true]")).not_to_have_attribute("data-id", first or "")


async def test_silence_is_said_and_goes_away_by_itself(show: Show) -> None:
    page = await show("jobs=20")
    cancel = page.locator(".pj-summary").get_by_role("button", name="Cancel")
    await expect(cancel).to_be_visible()
    await page.evaluate("kernel.model.answer = () => {}")

    await page.clock.run_for(14_000)

    await expect(page.locator(".pj-notice")).to_contain_text("No word from the kernel")
    await expect(cancel).to_have_count(0)
    await page.evaluate("kernel.model.tell({ t: 'beat', at: Date.now() / 1000 })")
    await expect(cancel).to_be_visible()
    await expect(page.locator(".pj-notice")).to_be_hidden()


async def test_a_saved_notebook_shows_its_last_state_without_buttons(show: Show) -> None:
    page = await show("jobs=20&kernel=none")

    await page.clock.run_for(8_000)

    await expect(page.locator(".pj-notice")).to_contain_text(f'await client.attach("{ROOT}")')
    await row(page, "ingest docs/").click()
    await expect(page.get_by_role("region", name="Details")).to_contain_text("a kernel")
    assert await page.locator("[data-act=cancel]").count() == 0


async def test_clocks_tick_in_the_browser(show: Show) -> None:
    page = await show("jobs=20")
    await expect(row(page, "ingest docs/")).to_contain_text("2m 08s")

    await page.clock.run_for(5_000)

    await expect(row(page, "ingest docs/")).to_contain_text("2m 13s")


async def test_a_panel_has_tabs_and_a_search(show: Show) -> None:
    page = await show("jobs=12&view=panel")
    await expect(page.get_by_role("treeitem")).to_have_count(12)
    await page.get_by_role("button", name="Active").click()
    await expect(page.get_by_role("treeitem")).to_have_count(5)
    await page.get_by_role("button", name="All").click()
    await page.get_by_role("searchbox").fill("ranker")
    await page.clock.run_for(300)

    await expect(page.get_by_role("treeitem")).to_have_count(3)
    await page.get_by_role("searchbox").fill("<nothing>")
    await page.clock.run_for(300)
    await expect(page.locator(".pj-empty")).to_have_text("No job matches “<nothing>”")
    asked = {"status": [], "text": "<nothing>", "limit": 100}
    assert (await sent(page, "ask"))[-1] == {"t": "ask", **asked}


async def test_a_job_of_a_panel_opens_in_place(show: Show) -> None:
    page = await show("jobs=12&view=panel")
    first, last = (page.locator(f"[role=treeitem][data-id='{ROOT[:-1]}{n}']") for n in (0, 9))

    await first.locator(".pj-twisty").click()
    await expect(row(page, "read part 1")).to_be_visible()
    await tree(page).evaluate("tree => { tree.scrollTop = tree.scrollHeight }")
    await last.locator(".pj-twisty").click()

    await expect(last).to_have_attribute("aria-expanded", "true")
    await expect(page.locator("[aria-level='1'][aria-expanded=true]")).to_have_count(1)
    await expect(row(page, "read part 1")).to_be_visible()
    await last.locator(".pj-twisty").click()
    await expect(page.get_by_role("treeitem")).to_have_count(12)
    opened = [word["id"] for word in await sent(page, "open")]
    assert opened == [f"{ROOT[:-1]}0", f"{ROOT[:-1]}9", None]


async def test_a_panel_asks_for_more_when_there_is_more(show: Show) -> None:
    page = await show("jobs=12&view=panel")
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()

    await page.evaluate("kernel.delta({ totals: { matching: 345 } })")
    await page.get_by_role("button", name="Show more of 345").click()

    assert [ask["limit"] for ask in await sent(page, "ask")] == [100, 200]


async def test_two_views_of_a_job_on_a_page_do_not_meet(show: Show) -> None:
    page = await show("jobs=20")

    await page.evaluate(
        """async () => {
          const { default: widget } = await import("/jobs.js?again");
          const { initialize, render } = widget();
          const el = document.body.appendChild(document.createElement("div"));
          initialize({ model: kernel.model });
          render({ model: kernel.model, el });
        }"""
    )
    await expect(page.get_by_role("tree")).to_have_count(2)
    await page.get_by_role("treeitem").last.click()

    await expect(page.locator("[aria-selected=true]")).to_have_count(1)
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(({ id }) => id)")
    assert len(ids) == len(set(ids))


async def test_narrow_panes_drop_columns_and_keep_buttons(show: Show) -> None:
    page = await show("jobs=40", viewport={"width": 344, "height": 800})
    await row(page, "read part 1").click()

    overflow = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    outside = await page.evaluate(
        "[...document.querySelectorAll('.parrot-jobs button')].filter(button => "
        "button.checkVisibility() && button.getBoundingClientRect().right > 332).length"
    )

    assert not overflow
    assert outside == 0
    await expect(page.locator(".pj-columns .pj-cost")).to_be_hidden()


async def test_nothing_moves_for_those_who_asked_for_that(show: Show) -> None:
    page = await show("jobs=200", reduced_motion="reduce")

    moving = await page.evaluate("document.getAnimations().length")

    assert moving == 0


@pytest.mark.parametrize("theme", ["light", "dark", "dark-high-contrast", "none"])
@pytest.mark.parametrize("view", ["tree", "panel"])
async def test_axe_finds_nothing(show: Show, theme: str, view: str) -> None:
    page = await show(f"jobs=40&theme={theme}&view={view}")
    await row(page, "ingest docs/").click()
    await page.wait_for_timeout(200)

    found = await Axe().run(page, ".parrot-jobs")

    assert found.violations_count == 0, found.generate_report()


async def test_counts_wait_until_all_rows_have_come(show: Show) -> None:
    page = await show("jobs=40")
    counts = page.locator(".pj-counts")
    await expect(counts).to_be_visible()

    await page.evaluate("kernel.delta({ more: 3 })")
    await expect(counts).to_be_hidden()
    await page.evaluate("kernel.delta({ more: 0 })")
    await expect(counts).to_be_visible()


async def test_the_kernel_hears_which_rows_are_in_sight(show: Show) -> None:
    page = await show("jobs=10000")
    await row(page, "read part 1").locator(".pj-twisty").click()
    await tree(page).focus()

    await page.keyboard.press("End")
    await page.wait_for_function(
        "id => kernel.model.sent.some(({ t, ids }) => t === 'sight' && ids.includes(id))",
        arg=f"{ROOT}.19",
    )

    assert all(len(str(word["ids"]).split(",")) < 40 for word in await sent(page, "sight"))
