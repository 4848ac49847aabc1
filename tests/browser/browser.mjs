// A browser with nothing of its own, and pages that note what goes wrong in them: errors in the console, exceptions,
// refused requests, violations of the content security policy.
import { chromium } from 'playwright-core';

export const url = process.env.URL;
export const password = process.env.ADMIN_PASSWORD;

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-features=LocalNetworkAccessChecks', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  });
}

// options: of browser.newContext. page.faults collects; page.expects(pattern) names what a test provokes on purpose.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ baseURL: url, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  context.setDefaultTimeout(30000);
  const page = await context.newPage();
  let expected = [];
  page.faults = [];
  page.expects = (pattern) => expected.push(pattern);
  // For the next test.
  page.anew = async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.goto('about:blank');
    page.faults = [];
    expected = [];
  };
  const note = (text) => { if (!expected.some((pattern) => pattern.test(text))) page.faults.push(text); };
  page.on('console', (message) => { if (message.type() === 'error') note(`console: ${message.text()}`); });
  page.on('pageerror', (error) => note(`exception: ${error.stack || error}`));
  page.on('response', (response) => {
    if (response.status() >= 500) note(`${response.status()} for ${response.request().method()} ${response.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  });
  return page;
}

export async function login(page, where = '/ui') {
  await page.goto('/ui/login');
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(/\/ui\/?$|\/ui\/sync-intervals/);
  if (where !== '/ui') await page.goto(where);
}
