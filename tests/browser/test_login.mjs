// Logging in and out.
import { password } from './browser.mjs';
import { test, check, equal } from './checks.mjs';
import { allPages } from './looks.mjs';

test('login: a page asks for it and leads back', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  await page.goto('/ui/sync-logs');
  check(new URL(page.url()).pathname === '/ui/login', `not at the login page: ${page.url()}`);
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL('**/ui/sync-logs');
  await page.getByRole('heading', { level: 1, name: 'Sync logs' }).waitFor();
});

test('login: a wrong password is refused with a reason', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  page.expects(/401/);
  await page.goto('/ui/login');
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').waitFor();
  check(/wrong name or password/i.test(await page.getByRole('alert').innerText()), 'no reason is given');
  await page.goto('/ui');
  equal(new URL(page.url()).pathname, '/ui/login', 'after a refused login');
});

test('login: leads only to pages of this site', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  await page.goto('/ui/login?next=//example.org/ui');
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(/\/ui\/?$/);
});

test('logout: ends the session', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  await page.goto('/ui/login');
  await page.getByLabel('Name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(/\/ui\/login(\?|$)/); // by the answer, or by the page itself, which hears that its session has ended
  await page.goto('/ui');
  equal(new URL(page.url()).pathname, '/ui/login', 'after logging out');
});

test('login: a viewer sees everything and changes nothing', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  page.expects(/403/);
  await page.goto('/ui/login');
  await page.getByLabel('Name').fill('viewer');
  await page.getByLabel('Password').fill('browser-test-viewer');
  await page.getByRole('button', { name: 'Log in' }).click();
  for (const where of await allPages()) {
    await page.goto(where);
    const left = await page.locator('main button:visible').evaluateAll((all) =>
      all.filter((each) => !each.closest('form[method=get]') && !each.matches('.switch')).map((each) => each.textContent));
    equal(left.join(', '), '', `buttons that change something on ${where}`);
  }
  await page.goto('/ui/sync-intervals');
  await page.locator('[data-key="phase"]').waitFor();
  const answer = await page.evaluate(async () => {
    const csrf = document.querySelector('meta[name=csrf]').content;
    const sent = await fetch('/api/v1/admin/sync-intervals/phase/toggle', { method: 'POST', headers: { 'X-CSRF-Token': csrf } });
    return [sent.status, (await sent.json()).detail];
  });
  equal(answer[0], 403, 'a change');
  check(answer[1].includes('administrator'), `the reason: ${answer[1]}`);
  const paused = await page.evaluate(async () => (await fetch('/api/v1/admin/queues/sync/pause', { method: 'POST',
    headers: { 'X-CSRF-Token': document.querySelector('meta[name=csrf]').content } })).status);
  equal(paused, 403, 'pausing a queue');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(/\/ui\/login(\?|$)/);
});

test('login: what was typed when the session ended is there again', async ({ visitor, pages }) => {
  const page = await visitor(pages);
  page.expects(/401/);
  const logIn = async () => {
    await page.getByLabel('Name', { exact: true }).fill('admin');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  await page.goto('/ui/sync-intervals');
  await logIn();
  await page.locator('[data-key="elevation"]').getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit Elevations' });
  await dialog.getByLabel('Interval, minutes').fill('17');
  await page.context().clearCookies();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('your session is over').waitFor();
  await logIn();
  await dialog.waitFor();
  equal(await dialog.getByLabel('Interval, minutes').inputValue(), '17', 'what was typed');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.locator('[data-key="elevation"]').getByText('every 17 min').waitFor();
});
