import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { events } from '#events';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { ListedOffer } from '../../../app/routing/ports.ts';
import { migrations } from '../migrations/index.ts';
import { createMarketStore } from '../routing/market.ts';
import { entities } from '../rows.ts';
import { announceMarket } from './announce.ts';

type Offers = readonly Omit<ListedOffer, 'provider' | 'country'>[];

describe('what is told of the market', () => {
  let testDatabase: Awaited<ReturnType<typeof createTestDatabase>>;
  let db: Database;
  before(async () => {
    testDatabase = await createTestDatabase('verification', migrations);
    db = await openDatabase({ url: testDatabase.url, applicationName: 'announce-test', poolMax: 8, entities });
  });
  after(async () => {
    await db?.close();
    await testDatabase?.close();
  });
  beforeEach(() =>
    db.query(`with a as (delete from market_offers), b as (delete from outbox), c as (delete from policy_switches), d as (delete from provider_states)
      update market_announcements set due_at = '-infinity'`),
  );

  const now = new Date('2026-11-21T12:00:00Z');
  const tell = (everyMs = 0) => announceMarket({ db, now: () => now, everyMs, pricePercent: 10 })();
  const list = async (offers: Offers, provider = 'a', country = 'ID'): Promise<void> => {
    const market = createMarketStore(db);
    await market.claim(provider, now, addMs(now, minuteMs));
    await market.replace(provider, country, offers);
  };
  const offer = (service: string, costMicros = 200_000n, stock = 100) => ({ service, costMicros, stock });
  const told = async () => {
    const rows = await db.query<{ subject: string; payload: Buffer; aggregate_version: bigint }>(
      'select subject, payload, aggregate_version from outbox order by aggregate_version',
    );
    return rows.map(({ subject, payload }) => {
      assert.equal(subject, events.verification.marketChanged.subject);
      const { everything, offers } = events.verification.marketChanged.codec.fromJSON(JSON.parse(payload.toString()));
      return everything ? 'everything' : offers.map(({ service, change }) => `${service} ${change}`).toSorted();
    });
  };

  it('sold out, back and a price that has moved far enough are told once each; all else is not', async () => {
    await list([offer('telegram'), offer('whatsapp'), offer('google', 200_000n, 0)]);
    assert.equal(await tell(), 2);
    assert.equal(await tell(), 0, 'nothing is told twice');
    await list([offer('telegram', 219_000n, 5), offer('whatsapp', 230_000n)]);
    assert.equal(await tell(), 1);
    await list([offer('telegram', 221_000n, 5)]);
    assert.equal(await tell(), 2, 'small steps add up to what was told last');
    await list([offer('telegram', 221_000n), offer('whatsapp', 230_000n)]);
    await tell();
    assert.deepEqual(await told(), [
      ['telegram back', 'whatsapp back'],
      ['whatsapp price'],
      ['telegram price', 'whatsapp gone'],
      ['whatsapp back'],
    ]);
  });

  it('what goes and comes back between two looks is no news', async () => {
    await list([offer('telegram')]);
    await tell();
    await list([]);
    await list([offer('telegram')]);
    assert.equal(await tell(), 0);
  });

  it('a provider that is paused, or switched off by policy, sells nothing until it is resumed', async () => {
    await list([offer('telegram')]);
    await list([offer('telegram')], 'b');
    await tell();
    await db.query(`update provider_states set paused_at = now(), paused_by = 'user:x' where provider = 'a'`);
    assert.equal(await tell(), 1);
    await db.query(`update provider_states set paused_at = null, paused_by = null where provider = 'a'`);
    assert.equal(await tell(), 1);
    assert.deepEqual((await told()).slice(1), [['telegram gone'], ['telegram back']]);
  });

  it('is told by one of many replicas, no more often than is allowed, and in one piece when it is much', async () => {
    const many = Array.from({ length: 201 }, (_, index) => offer(`s${index}`));
    await list(many);
    const counts = await Promise.all(Array.from({ length: 6 }, () => tell(60_000)));
    assert.deepEqual(
      counts.filter((count) => count > 0),
      [201],
    );
    await list(many.slice(1));
    assert.equal(await tell(60_000), 0, 'too early');
    assert.deepEqual(await told(), ['everything']);
    await db.query(`update market_announcements set due_at = '-infinity'`);
    assert.equal(await tell(60_000), 1, 'and not lost');
  });

  it('does not wait for who writes a price list, and sees it at the next look', async () => {
    await list([offer('telegram'), offer('whatsapp')]);
    await tell();
    await db.transaction(async (tx) => {
      await tx.query(`update market_offers set stock = 0, changed_at = now() where service = 'telegram'`);
      assert.equal(await tell(), 0);
    });
    assert.equal(await tell(), 1);
  });
});
