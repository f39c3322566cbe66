import assert from 'node:assert/strict';
import { it } from 'node:test';
import { noDetails } from '../../domain/documents/document.ts';
import type { Subscription } from '../../domain/plans/subscription.ts';
import { usageSubscriptions } from './subscribed.ts';

const details = { details: async () => ({ ...noDetails, timeZone: 'Asia/Jakarta' }) };
const subscribed = (anchorAt: string, timeZone: string) =>
  usageSubscriptions({
    details,
    plans: { planOf: async () => 'pro' },
    subscriptions: { current: async () => ({ anchorAt: new Date(anchorAt), timeZone }) as Subscription },
  });

it('periods are the months since the beginning, half-open, without a gap, over eight years and in zones of all kinds', async () => {
  for (const zone of ['UTC', 'Pacific/Auckland', 'America/St_Johns', 'Asia/Kathmandu', 'Africa/Casablanca', 'Pacific/Apia']) {
    const { periodOf } = subscribed('2024-01-31T10:15:00Z', zone);
    assert.equal(await periodOf('t', new Date('2024-01-31T10:14:59.999Z')), undefined);
    let from = new Date('2024-01-31T10:15:00Z');
    for (let month = 0; month < 96; month++) {
      const period = await periodOf('t', from);
      assert.deepEqual(period?.startsAt, from, `${zone} ${month}`);
      const last = await periodOf('t', new Date((period?.endsAt.getTime() ?? 0) - 1));
      assert.deepEqual(last, period, `${zone} ${month}`);
      from = period?.endsAt ?? from;
    }
    assert.equal(from.getTime() > Date.parse('2032-01-30T00:00:00Z'), true);
  }
});

it('the zone is that of the subscription', async () => {
  assert.equal(await subscribed('2024-01-31T10:15:00Z', 'Africa/Lagos').zoneOf('t'), 'Africa/Lagos');
});

it('without a subscription there is no period, and the zone is that of the billing details', async () => {
  const { periodOf, zoneOf } = usageSubscriptions({
    details,
    plans: { planOf: async () => 'starter' },
    subscriptions: { current: async () => undefined },
  });
  assert.deepEqual([await periodOf('t', new Date()), await zoneOf('t')], [undefined, 'Asia/Jakarta']);
});
