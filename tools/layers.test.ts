import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkLayers, layerRules, type LayerReport } from './layers.ts';

/** One violation for every rule: the file that breaks it and what it must not import. */
const planted: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'domain-is-pure': {
    'services/shop/domain/order.ts': `import '../app/place-order.ts'; import 'node:fs'; import '#platform/postgres/index.ts';`,
  },
  'app-knows-no-adapter': {
    'services/shop/app/place-order.ts': `import '../adapters/postgres/orders.ts'; import '#platform/money/index.ts';`,
  },
  'adapters-know-no-sibling': { 'services/shop/adapters/grpc/server.ts': `import '../postgres/orders.ts';` },
  'only-main-wires': { 'services/shop/config.ts': `import type {} from './adapters/postgres/orders.ts';` },
  'adapters-do-not-wire': { 'services/shop/adapters/nats/consumer.ts': `import '../../main.ts';` },
  'services-are-strangers': { 'services/shop/adapters/postgres/thief.test.ts': `import '../../../bank/domain/account.ts';` },
  'platform-knows-no-service': { 'platform/http/greedy.ts': `import '../../services/bank/domain/account.ts';` },
  'platform-tests-know-no-service': { 'platform/http/greedy.test.ts': `import '../../services/bank/domain/account.ts';` },
  'production-knows-no-test-code': { 'services/bank/adapters/grpc/fakes.ts': `import '../../testing/fake-clock.ts';` },
  'production-runs-without-tools': { 'services/bank/adapters/grpc/tools.ts': `import '../../../../tools/up.ts';` },
  'no-dev-dependency-in-production': { 'platform/http/bench.ts': `import 'autocannon';` },
  'no-undeclared-package': { 'platform/http/lucky.ts': `import 'lucky';` },
  'no-cycle': { 'services/bank/domain/a.ts': `import './b.ts';`, 'services/bank/domain/b.ts': `import './a.ts';` },
  'everything-resolves': { 'services/bank/adapters/grpc/lost.ts': `import './nowhere.ts';` },
};

/** What the rules must leave alone, among it every file that a planted violation points to. */
const innocent: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'planted',
    type: 'module',
    imports: { '#platform/*': './platform/*' },
    dependencies: { fastify: '1' },
    devDependencies: { autocannon: '1' },
  }),
  'node_modules/fastify/package.json': '{"name":"fastify","main":"index.js"}',
  'node_modules/fastify/index.js': '',
  'node_modules/autocannon/package.json': '{"name":"autocannon","main":"index.js"}',
  'node_modules/autocannon/index.js': '',
  'node_modules/lucky/package.json': '{"name":"lucky","main":"index.js"}',
  'node_modules/lucky/index.js': '',
  'platform/money/index.ts': '',
  'platform/postgres/index.ts': '',
  'services/shop/main.ts': `import './adapters/postgres/orders.ts'; import './app/refund.ts';`,
  'services/shop/app/refund.ts': `import '../domain/refund.ts'; import '#platform/money/index.ts';`,
  'services/shop/app/refund.test.ts': `import 'node:test'; import '../testing/fakes.ts'; import '../adapters/postgres/orders.ts';`,
  'services/shop/domain/refund.ts': `import '#platform/money/index.ts';`,
  'services/shop/testing/fakes.ts': `import '../app/refund.ts'; import 'autocannon';`,
  'services/shop/adapters/postgres/orders.ts': `import './rows.ts'; import 'fastify'; import '#platform/postgres/index.ts';`,
  'services/shop/adapters/postgres/rows.ts': '',
  'services/shop/verify.ts': `import './adapters/postgres/orders.ts';`,
  'services/bank/domain/account.ts': `import type {} from './owner.ts';`,
  'services/bank/domain/owner.ts': `import './account.ts';`,
  'services/bank/testing/fake-clock.ts': '',
  'tools/up.ts': `import 'autocannon'; import '../services/shop/adapters/postgres/orders.ts';`,
};

describe('layer rules', () => {
  let tree: string;
  let report: LayerReport;

  before(async () => {
    tree = await mkdtemp(join(tmpdir(), 'namaskah-layers-'));
    for (const [path, text] of [...Object.entries(innocent), ...Object.values(planted).flatMap((files) => Object.entries(files))]) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), `${text}\n`);
    }
    report = await checkLayers(tree);
  });
  after(() => rm(tree, { recursive: true, force: true }));

  it('has a planted violation for every rule', async () => {
    assert.deepEqual(Object.keys(planted).sort(), [...(await layerRules())].sort());
  });

  for (const [rule, files] of Object.entries(planted)) {
    it(`catches: ${rule}`, () => {
      const caught = report.violations.filter((violation) => violation.rule === rule).map(({ from }) => from);
      assert.ok(
        caught.some((from) => from in files),
        `${rule} caught only ${JSON.stringify(caught)}`,
      );
    });
  }

  it('catches each of the forbidden imports of a pure file', () => {
    const targets = report.violations
      .filter(({ rule, from }) => rule === 'domain-is-pure' && from === 'services/shop/domain/order.ts')
      .map(({ to }) => to);
    assert.deepEqual(targets.sort(), ['fs', 'platform/postgres/index.ts', 'services/shop/app/place-order.ts']);
  });

  it('leaves the innocent alone', () => {
    assert.deepEqual(
      report.violations.filter(({ from }) => from in innocent),
      [],
    );
  });

  it('counts what it has read, so that an empty cruise cannot pass', () => {
    assert.ok(report.modules >= 20, `${report.modules} modules`);
  });
});
