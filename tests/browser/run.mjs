// The admin pages in a real browser against the running system. tests/scripts/test_browser starts both.
import { launch, open, login } from './browser.mjs';
import { runAll } from './checks.mjs';
import './test_login.mjs';
import './test_intervals.mjs';
import './test_tasks.mjs';
import './test_browse.mjs';
import './test_admin.mjs';
import './test_looks.mjs';
import './test_live.mjs';

const browser = await launch();
// One login serves most tests: logging in itself is tested once.
const first = await open(browser);
await login(first);
const storageState = await first.context().storageState();
await first.context().close();

const context = {
  browser,
  // A page that is logged in (visitor: one that is not); its faults are looked at when the test ends.
  async page(pages, where, options = {}) {
    const page = await open(browser, { storageState, ...options });
    pages.push(page);
    if (where) await page.goto(where);
    return page;
  },
  async visitor(pages) {
    const page = await open(browser);
    pages.push(page);
    return page;
  },
};
const { passed, failed } = await runAll(context);
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
