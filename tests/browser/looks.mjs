// What tests of how pages look share: the pages, and the rules of accessibility.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { sql } from './checks.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pages_ = ['/ui', '/ui/sync-intervals', '/ui/tasks', '/ui/history', '/ui/runs', '/ui/runs/1', '/ui/sync-logs', '/ui/browse', '/ui/browse?q=e', '/ui/clients', '/ui/feed', '/ui/alarms', '/ui/system?log=web.0', '/ui/why?of=type:project', '/ui/schedule', '/ui/timeline'];
export const allPages = async () => {
  const ids = [['/ui/browse/projects/', 'SELECT max(project_id) FROM phases'], ['/ui/browse/elevations/', 'SELECT max(elevation_id) FROM elevation_parts_lists']];
  const found = [];
  for (const [path, statement] of ids) { const id = await sql(statement); if (id) found.push(path + id); }
  return [...pages_, ...found];
};

// The content security policy keeps scripts of others out, so it is evaluated by the debugger.
// Of a long table the first rows are looked at: the others are alike.
export async function serious(page, rules = null) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((only) => window.axe.run({ include: [['html']], exclude: [['tbody tr:nth-child(n+6)']] }, { resultTypes: ['violations'],
    ...only && { runOnly: { type: 'rule', values: only } } }), rules);
  return violations.filter((each) => ['serious', 'critical'].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`);
}
