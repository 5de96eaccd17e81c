"""The chat page, as a person sees it in a browser.

What is relied on: the message list `#messages`, the text field `#message` in the
form `#composer`, and `#status` with the connection's state in `data-state`."""

import json

import pytest
from chromium import Chromium

pytestmark = pytest.mark.timeout(60)

LIST = "document.querySelector('#messages')"


@pytest.fixture(scope="module")
def browser():
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def no_exceptions(browser):
    browser.exceptions.clear()
    yield
    assert browser.exceptions == []


def open_chat(browser, server):
    page = browser.open(f"{server.http}/")
    wait_for_state(page, "open")
    return page


def wait_for_state(page, state):
    page.wait_for(f"document.querySelector('#status')?.dataset.state === '{state}'", 20)


def shows(text):
    return f"{LIST}.textContent.includes({json.dumps(text)})"


def say(page, text, by_enter=False):
    page.focus("#message")
    page.type(text)
    assert page.evaluate("document.querySelector('#message').value") == text
    if by_enter:
        page.press_enter()
    else:
        page.click("#composer [type=submit], #composer button:not([type])")


def test_two_windows_talk(browser, server):
    one, other = open_chat(browser, server), open_chat(browser, server)
    assert one.evaluate(f"{LIST}.getAttribute('role')") == "log"
    say(one, "hello from one")
    say(other, "hello from the other", by_enter=True)
    for page in (one, other):
        page.wait_for(shows("hello from one"))
        page.wait_for(shows("hello from the other"))
        assert page.evaluate("document.querySelector('#message').value") == ""


def test_every_message_shows_once_and_in_order(browser, server):
    one, other = open_chat(browser, server), open_chat(browser, server)
    for number in range(10):
        say(one, f"message-{number};", by_enter=True)
    for page in (one, other):
        page.wait_for(shows("message-9;"))
        found = page.evaluate(f"{LIST}.textContent.match(/message-[0-9];/g).join('')")
        assert found == "".join(f"message-{number};" for number in range(10))


def test_unicode_is_intact(browser, server):
    one, other = open_chat(browser, server), open_chat(browser, server)
    text = "grüße 🚣🏽‍♀️ 日本語 עברית \u202eabc\u202c e\u0301"
    say(one, text)
    for page in (one, other):
        page.wait_for(shows(text))


def test_markup_shows_as_text(browser, server):
    one, other = open_chat(browser, server), open_chat(browser, server)
    text = "<img src=x onerror=\"window.injected = 'yes'\"><script>injected = 1</script>&lt;"
    say(one, text)
    say(one, "after it")
    for page in (one, other):
        page.wait_for(shows(text))
        page.wait_for(shows("after it"))
        assert page.evaluate(f"{LIST}.querySelectorAll('img, script').length") == 0
        assert page.evaluate("typeof window.injected") == "undefined"


def test_reconnects_after_a_restart(browser, start_server):
    server = start_server()
    one, other = open_chat(browser, server), open_chat(browser, server)
    say(one, "before the restart")
    other.wait_for(shows("before the restart"))

    server.stop()
    for page in (one, other):
        wait_for_state(page, "reconnecting")
    start_server(listen=(server.authority,))
    for page in (one, other):
        wait_for_state(page, "open")
        assert page.evaluate(shows("before the restart")), "the page was loaded again"
    say(one, "after the restart")
    for page in (one, other):
        page.wait_for(shows("after the restart"))


def test_a_server_killed_is_noticed(browser, start_server):
    server = start_server()
    page = open_chat(browser, server)
    server.kill()
    wait_for_state(page, "reconnecting")
