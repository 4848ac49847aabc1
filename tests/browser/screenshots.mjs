// Pictures of the pages for the documentation: node screenshots.mjs FOLDER, with the system of system.sh running.
import { launch, open, login } from './browser.mjs';
import { sql, until } from './checks.mjs';

const folder = process.argv[2];
await until('everything was synced', async () => await sql(
  'SELECT count(*) FROM object_sync_configs WHERE last_sync IS NULL AND is_sync_enabled') === '0', 240000);
// A day as it could have been.
await sql(`INSERT INTO sync_logs (sync_type, status, message, items_processed, items_successful, items_failed, duration_ms, started_at, completed_at)
  SELECT t.type, CASE WHEN hashtext(g::text || t.type) % 23 = 0 THEN 'failed' ELSE 'completed' END, t.type, 12, 12, 0,
    300 + abs(hashtext(g::text)) % 900, g, g + interval '1 second'
  FROM generate_series(now() - interval '23 hours', now() - interval '30 minutes', interval '30 minutes') g,
    (VALUES ('project', 2), ('phase', 1), ('elevation', 1), ('directory', 3)) t(type, every)
  WHERE (extract(epoch FROM g)::bigint / 1800) % t.every = 0 AND abs(hashtext(g::text || 'x')) % 4 > 0`);
await sql(`INSERT INTO admin_samples (at, memory_bytes)
  SELECT date_trunc('minute', now()) - n * interval '10 minutes', 10400000 + abs(hashtext(n::text)) % 500000
    + CASE WHEN n % 17 = 0 THEN 1500000 ELSE 0 END FROM generate_series(1, 140) n ON CONFLICT DO NOTHING`);
const elevation = await sql('SELECT min(elevation_id) FROM elevation_parts_lists WHERE size_bytes > 0');

const browser = await launch();
const desk = await open(browser, { viewport: { width: 1100, height: 780 }, colorScheme: 'light' });
await login(desk);
const shoot = async (page, where, name) => {
  await page.goto(where);
  await page.waitForTimeout(1500); // drawings and times are in place
  await page.screenshot({ path: `${folder}/${name}.png` });
};
await shoot(desk, '/ui', 'dashboard');
await shoot(desk, '/ui/sync-intervals', 'sync-intervals');
await shoot(desk, '/ui/tasks', 'tasks');
await shoot(desk, `/ui/browse/elevations/${elevation}`, 'elevation');
const phone = await open(browser, { viewport: { width: 390, height: 780 }, colorScheme: 'dark' });
await login(phone);
await shoot(phone, '/ui', 'phone-dark');
await browser.close();
