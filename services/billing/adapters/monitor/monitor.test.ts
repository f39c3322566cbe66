import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { beginPaymentCounters } from './monitor.ts';

test('every counter of payments that an alert watches for its first increase stands at zero from the start, for each gateway', async () => {
  const rules = await readFile(new URL('../../../../deploy/alerts/billing.rules.yml', import.meta.url), 'utf8');
  const watched = [...rules.matchAll(/increase\((payment[a-z_]*_total)\{([^}]*)\}\[\w+\]\) > 0$/gm)];
  assert.equal(watched.length, 3);
  const metrics = createMetrics(metricTable);
  beginPaymentCounters(metrics, ['stripe', 'paystack']);
  const lines = (await metrics.expose()).body.split('\n');
  for (const [, name = '', labels = ''] of watched)
    for (const gateway of ['stripe', 'paystack']) {
      const wanted = [`gateway="${gateway}"`, ...labels.split(', ')];
      assert.ok(
        lines.some((line) => line.startsWith(`${name}{`) && line.endsWith(' 0') && wanted.every((label) => line.includes(label))),
        `${name} ${wanted.join(', ')}`,
      );
    }
});
