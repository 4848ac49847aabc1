// Sync intervals: what is changed there is what the scheduler does.
import { test, check, equal, until, sql } from './checks.mjs';

const type = (page, name) => page.locator(`[data-key="${name}"]`);
const lastSync = (name) => sql(`SELECT extract(epoch FROM last_sync)::bigint FROM object_sync_configs WHERE object_type = '${name}'`);
const allSynced = () => until('every type was synced', async () =>
  await sql('SELECT count(*) FROM object_sync_configs WHERE last_sync IS NULL AND is_sync_enabled') === '0', 40000);

test('intervals: an edited interval is obeyed by the scheduler', async ({ page: open, pages }) => {
  await allSynced();
  await sql(`UPDATE object_sync_configs SET sync_interval_minutes = 60, last_sync = now() - interval '5 minutes',
             next_retry_at = NULL WHERE object_type = 'directory'`);
  const before = await lastSync('directory');
  await new Promise((resolve) => setTimeout(resolve, 4500)); // two ticks, in which it is not due
  equal(await lastSync('directory'), before, 'last_sync although nothing was due');
  const page = await open(pages, '/ui/sync-intervals');
  await type(page, 'directory').getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit Directories' });
  equal(await dialog.getByLabel('Interval, minutes').inputValue(), '60', 'the interval in the dialog');
  await dialog.getByLabel('Interval, minutes').fill('2');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await type(page, 'directory').getByText('every 2 min').waitFor();
  await until('the scheduler synced the directories', async () => Number(await lastSync('directory')) > Number(before), 20000);
  await type(page, 'directory').locator('.badge.fresh').waitFor();
});

test('intervals: a value out of range is refused in place', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  page.expects(/422/);
  await type(page, 'phase').getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit Phases' });
  const before = await dialog.getByLabel('Interval, minutes').inputValue();
  await dialog.getByLabel('Interval, minutes').fill('0');
  check((await dialog.locator('[data-fault=sync_interval_minutes]').innerText()).length > 0, 'nothing is said while typing');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until('the server\'s reason is shown', async () =>
    (await dialog.locator('[data-form-fault]').innerText()).includes('sync_interval_minutes'));
  check(await dialog.isVisible(), 'the dialog closed although the value was refused');
  equal(await sql("SELECT sync_interval_minutes FROM object_sync_configs WHERE object_type = 'phase'"), before, 'stored');
});

test('intervals: a circle of dependencies is refused with the reason', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  page.expects(/4\d\d/);
  await type(page, 'directory').getByRole('button', { name: 'Edit' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit Directories' });
  await dialog.getByLabel('After (depends on)').selectOption(['elevation']);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until('a reason is shown', async () => (await dialog.locator('[data-form-fault]').innerText()).length > 5);
  equal(await sql("SELECT coalesce(depends_on, '') FROM object_sync_configs WHERE object_type = 'directory'"), '', 'stored');
});

test('intervals: toggling takes a type out of the schedule and back', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const toggle = type(page, 'elevation_glass').getByRole('switch');
  equal(await toggle.getAttribute('aria-checked'), 'true', 'the switch');
  await toggle.click();
  await until('it is off', async () => await toggle.getAttribute('aria-checked') === 'false');
  equal(await sql("SELECT is_sync_enabled FROM object_sync_configs WHERE object_type = 'elevation_glass'"), 'f', 'stored');
  await type(page, 'elevation_glass').getByText('not on schedule').waitFor();
  await toggle.click();
  await until('it is on', async () => await toggle.getAttribute('aria-checked') === 'true');
});

test('intervals: a triggered sync shows its progress up to 100 %', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const before = Number(await lastSync('elevation'));
  await sql("UPDATE object_sync_configs SET last_sync = last_sync - interval '1 minute' WHERE object_type = 'elevation'");
  await type(page, 'elevation').getByRole('button', { name: 'Sync now' }).click();
  const bar = type(page, 'elevation').locator('.live progress');
  await bar.waitFor();
  await until('the bar is full', async () => await bar.evaluate((each) => each.value) === 100, 30000);
  check(Number(await lastSync('elevation')) >= before, 'nothing was synced');
});

test('intervals: a type is added, edited in order, and deleted', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  await page.getByRole('button', { name: 'Add a type' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a type' });
  await dialog.getByLabel('Object type').fill('browser_test');
  await dialog.getByLabel('Name').fill('Of the <b>test</b>');
  await dialog.getByLabel('On schedule').uncheck();
  await dialog.getByRole('button', { name: 'Add' }).click();
  await type(page, 'browser_test').waitFor();
  equal(await type(page, 'browser_test').locator('h2').innerText(), 'Of the <b>test</b>', 'the name as text');
  equal(await page.getByRole('button', { name: /^Delete / }).count(), 1, 'types that may be deleted: none that is built in');
  await type(page, 'browser_test').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Delete' }).click();
  await type(page, 'browser_test').waitFor({ state: 'detached' });
});

test('intervals: reset brings the defaults back', async ({ page: open, pages }) => {
  await sql("UPDATE object_sync_configs SET sync_interval_minutes = 999 WHERE object_type = 'project'");
  const page = await open(pages, '/ui/sync-intervals');
  await page.getByRole('button', { name: 'Reset to defaults' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Cancel' }).click();
  equal(await sql("SELECT sync_interval_minutes FROM object_sync_configs WHERE object_type = 'project'"), '999', 'after Cancel');
  await page.getByRole('button', { name: 'Reset to defaults' }).click();
  await page.getByRole('dialog', { name: 'Are you sure?' }).getByRole('button', { name: 'Reset' }).click();
  await until('the interval is the default', async () =>
    await sql("SELECT sync_interval_minutes FROM object_sync_configs WHERE object_type = 'project'") === '30');
});

test('intervals: the order of syncs is drawn', async ({ page: open, pages }) => {
  const page = await open(pages, '/ui/sync-intervals');
  const title = await page.locator('svg.graph title').textContent();
  check(title.includes('Phases after project'), `the graph says: ${title}`);
  check(await page.locator('svg.graph path.edge').count() >= 4, 'arrows are missing');
});
