// The admin pages in a real browser against the running system. tests/scripts/test_browser starts both.
import { launch, open, login } from './browser.mjs';
import { runAll } from './checks.mjs';
import './test_login.mjs';
import './test_intervals.mjs';
import './test_tasks.mjs';
import './test_browse.mjs';
import './test_parts.mjs';
import './test_admin.mjs';
import './test_feed.mjs';
import './test_why.mjs';
import './test_history.mjs';
import './test_schedule.mjs';
import './test_alarms.mjs';
import './test_looks.mjs';
import './test_german.mjs';
import './test_live.mjs';
import './test_outage.mjs';

const browser = await launch();
// One page that is logged in serves all tests, and one that is not: a new one each would cost most of the time. Logging
// in itself is tested by the latter.
const member = await open(browser);
await login(member);
const stranger = await open(browser);
const desk = { width: 1280, height: 720 };

const context = {
  // The page, at a place; its faults are looked at when the test ends. With scripts: false it is one of its own.
  async page(pages, where, { colorScheme = 'light', viewport = desk, scripts = true } = {}) {
    let page = member;
    if (scripts) await page.anew();
    else page = await open(browser, { javaScriptEnabled: false, storageState: await member.context().storageState() });
    pages.push(page);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    if (where) await page.goto(where);
    return page;
  },
  async visitor(pages) {
    await stranger.anew();
    await stranger.context().clearCookies();
    pages.push(stranger);
    return stranger;
  },
};
const { passed, failed } = await runAll(context);
await browser.close();
if (passed + failed === 0) console.log('no check has that name');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || passed === 0 ? 1 : 0);
