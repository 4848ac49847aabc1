// Schedule: what is sent by itself, run now, paused and resumed.
import { test, check, until } from './checks.mjs';

test('schedule: an entry is run now, paused and resumed', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui');
  await page.getByRole('link', { name: 'Schedule', exact: true }).click();
  const entry = page.locator('[data-key="entry-cleanup-old-tasks"]');
  await entry.waitFor();
  check(await page.locator('[data-key="entry-smart-sync-scheduler"] time').count() === 2, 'last and next run of the scheduler');
  await entry.getByRole('button', { name: 'Run now: cleanup-old-tasks' }).click();
  await page.getByText('cleanup-old-tasks is sent').waitFor();
  await entry.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
  await entry.locator('.badge', { hasText: 'paused' }).waitFor();
  await page.goto('/ui');
  await page.locator('#verdict', { hasText: 'entry cleanup-old-tasks was paused by admin' }).waitFor();
  await page.goto('/ui/schedule');
  await entry.getByRole('button', { name: 'Resume' }).click();
  await until('it is resumed', async () => await entry.locator('.badge', { hasText: 'paused' }).count() === 0, 20000);
});
