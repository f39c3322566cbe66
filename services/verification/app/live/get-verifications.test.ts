import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { snapshotReader } from '../../adapters/postgres/live/reader.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { createVerification } from '../create-verification.ts';
import { receivePush } from '../receive-push.ts';
import { getVerifications } from './get-verifications.ts';

let h: Harness;
before(async () => {
  h = await openHarness();
});
after(() => h?.close());

/** @returns ids of two verifications with a code each, and a reader that notes what the database was asked for */
const withCodes = async () => {
  const asked: string[][] = [];
  const reader = snapshotReader(h.db);
  const read = getVerifications({
    ...h.ports,
    reader: {
      snapshots: (tenantId, ids) => {
        asked.push([...ids]);
        return reader.snapshots(tenantId, ids);
      },
    },
  });
  const ids: string[] = [];
  for (const code of ['48151', '62342']) {
    const { id } = await createVerification(h.ports)(h.request());
    const { activationId = '' } = (await h.ports.store.find(h.request().tenantId, id)) ?? {};
    await receivePush(h.ports)(h.push(activationId, `Telegram code: ${code}`));
    ids.push(id);
  }
  return { asked, read, ids, tenantId: h.request().tenantId };
};

test('what was written a moment ago is the same as what the database says, and is asked for there only once more', async () => {
  const { asked, read, ids, tenantId } = await withCodes();
  const fresh = await read({ tenantId, ids, versions: ids.map(() => 3) });
  assert.deepEqual(asked, []);
  assert.deepEqual(
    fresh.map(({ id, code, messages, version }) => ({ id, code, messages: messages.length, version })),
    ids.map((id, index) => ({ id, code: ['48151', '62342'][index], messages: 1, version: 3 })),
  );
  assert.deepEqual(await read({ tenantId, ids, versions: ids.map(() => 3) }), fresh);
  assert.deepEqual(asked, [ids]);
});

test("a reading older than the event, and another tenant's, are not given", async () => {
  const { asked, read, ids, tenantId } = await withCodes();
  assert.deepEqual(await read({ tenantId: newId(), ids, versions: [3, 3] }), []);
  const [first, second] = await read({ tenantId, ids, versions: [4, 3] });
  assert.deepEqual([first?.code, second?.code], ['48151', '62342']);
  assert.deepEqual(asked, [ids, ids.slice(0, 1)]);
});

test('versions are as many as ids', async () => {
  const { read, ids, tenantId } = await withCodes();
  await assert.rejects(read({ tenantId, ids, versions: [3] }), (error) => isAppError(error, 'request.invalid'));
});
