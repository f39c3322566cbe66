/** An alert on a metric that nobody feeds never fires: every name and label in the rules is one of the platform's. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { metricTable } from '#platform/telemetry/index.ts';

const folder = import.meta.dirname;
const root = join(folder, '../..');
const functions = new Set(['max', 'min', 'sum', 'avg_over_time', 'increase', 'rate', 'time', 'absent', 'and', 'or', 'by']);
const table: Readonly<Record<string, { readonly labels?: readonly string[] }>> = metricTable;

test('every rule speaks of metrics and labels that exist, and points at a runbook that is there', async () => {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.rules.yml'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const rules = await readFile(join(folder, file), 'utf8');
    const expressions = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expression = '']) => expression);
    assert.equal(expressions.length, rules.match(/- alert: /g)?.length);
    for (const expression of expressions) {
      const bare = expression
        .replace(/\{[^}]*\}/g, '')
        .replace(/\[[^\]]*\]/g, '')
        .replace(/\bby \([a-z_, ]*\)/g, '');
      const names = [...bare.matchAll(/[a-z_]+/g)].map(([name]) => name).filter((name) => !functions.has(name));
      assert.ok(names.length > 0, expression);
      for (const name of names) assert.ok(name in table, `${file}: ${name} is no metric`);
      for (const [, name = '', label = ''] of expression.matchAll(/([a-z_]+)\{([a-z_]+)[=!]/g))
        assert.ok(table[name]?.labels?.includes(label), `${file}: ${name} has no label ${label}`);
    }
    for (const [, path = '', anchor = ''] of rules.matchAll(/runbook: (\S+)#(\S+)/g)) {
      const headings = [...(await readFile(join(root, path), 'utf8')).matchAll(/^## (.*)$/gm)].map(([, heading = '']) =>
        heading.toLowerCase().replaceAll(' ', '-'),
      );
      assert.ok(headings.includes(anchor), `${path} has no section ${anchor}`);
    }
  }
});
