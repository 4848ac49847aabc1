// Alarms: a problem is silenced with end and reason, the silence is ended, and a test says that nobody would be told.
import { test, check, until, sql } from './checks.mjs';

const ENTRY = 'cleanup-old-tasks'; // a pause of it is a problem
const schedule = (page, what) => page.evaluate(([entry, word]) => window.ui.send('POST', `/api/v1/admin/schedule/${entry}/${word}`), [ENTRY, what]);

test('alarms: a problem is silenced, with end and reason, and the silence is ended', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  page.expects(/422/); // a silence without a reason
  await schedule(page, 'pause');
  try {
    await page.getByRole('link', { name: 'Alarms', exact: true }).click();
    const problem = page.locator('#problems > div', { hasText: ENTRY });
    await problem.getByText('not told: only to be looked at').waitFor();
    await problem.getByRole('button', { name: /^Silence/ }).click();
    const box = page.getByRole('dialog', { name: 'Silence' });
    await box.getByText(`The schedule's entry ${ENTRY} was paused`).waitFor();
    await box.locator('[name=minutes]').selectOption('1440');
    await box.getByRole('button', { name: 'Silence' }).click(); // without a reason
    await box.getByText(/reason/i).last().waitFor();
    check(await page.locator('#silences > div').count() === 0, 'a silence without a reason is made');
    await box.locator('[name=reason]').fill('Night <b>shift</b> & more');
    await box.getByRole('button', { name: 'Silence' }).click();
    const silence = page.locator('#silences > div', { hasText: 'Night <b>shift</b> & more' });
    await silence.waitFor();
    await problem.getByText('silenced until').waitFor();
    const minutes = Number(await sql("SELECT round(extract(epoch FROM until - made_at) / 60) FROM alert_silences WHERE reason LIKE 'Night%' AND made_by = 'admin'"));
    check(minutes === 1440, `it is silent for ${minutes} minutes`);
    await silence.getByRole('button', { name: /^End it/ }).click();
    await until('the silence is over', async () => await page.locator('#silences > div').count() === 0);
    await problem.getByText('not told: only to be looked at').waitFor();
  } finally { await schedule(page, 'resume'); }
});

test('alarms: what was sent is listed, and a test names who cannot be told', async ({ page: open, pages }) => {
  await sql("INSERT INTO alert_log (kind, key, text, channel, error) VALUES ('problem', 'x', 'Redis is gone', 'mail', '550 no such <user>'), ('over', 'x', 'Redis is back', 'webhook', NULL)");
  try {
    const page = await open(pages, '/ui/alarms');
    page.expects(/409/); // no channel is set
    await page.locator('#sent tr', { hasText: 'Redis is gone' }).getByText('550 no such <user>').waitFor();
    await page.locator('#sent tr', { hasText: 'Redis is back' }).getByText('delivered').waitFor();
    await page.getByText('Nobody: set ALERT_WEBHOOK_URL').waitFor();
    await page.getByRole('button', { name: 'Try the channels' }).click();
    await page.locator('#toasts', { hasText: 'nobody is told: set ALERT_WEBHOOK_URL' }).waitFor();
  } finally { await sql("DELETE FROM alert_log WHERE key = 'x'"); }
});
