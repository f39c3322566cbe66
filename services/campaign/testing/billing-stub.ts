import { appError } from '#platform/errors/index.ts';
import { allow, grpcService, method, startGrpcServer } from '#platform/grpc/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { testPrincipalKey } from '#platform/testing/index.ts';
import { PriceServiceService, type Quote } from '#proto/namaskah/billing/v1/prices.ts';
import { HoldState, LedgerServiceService, type Hold } from '#proto/namaskah/billing/v1/billing.ts';
import { fakeLedger } from './fake-ledger.ts';

/** The ledger's gRPC surface over the fake ledger: what the real client speaks to in tests. */
export const startBillingStub = async () => {
  const ledger = fakeLedger();
  const refuse = () => {
    throw appError('platform.unimplemented');
  };
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    principalKey: testPrincipalKey,
    logger: createLogger({ service: 'billing-stub', level: 'silent' }),
    metrics: createMetrics(metricTable),
    services: [
      grpcService(LedgerServiceService, {
        placeHold: method(allow('system'), async (request, { principal }) => {
          const { amount } = request;
          if (!amount || request.idempotencyKey !== `campaign:${request.reference}`) throw appError('request.invalid');
          const { holdId } = await ledger.placeHold({
            tenantId: principal.tenantId,
            campaignId: request.reference,
            campaignName: request.description,
            amount,
            quoteId: request.quoteId,
            expiresAt: request.expiresAt ?? new Date(0),
          });
          const hold: Hold = {
            id: holdId,
            state: HoldState.HOLD_STATE_HELD,
            amount,
            captured: undefined,
            product: request.product,
            reference: request.reference,
            expiresAt: request.expiresAt,
            createdAt: new Date(),
          };
          return { hold };
        }),
        placeHolds: method(allow('system'), refuse),
        captureHold: method(allow('system'), refuse),
        releaseHold: method(allow('system'), refuse),
        getHold: method(allow('system'), refuse),
        grantCredit: method(allow('system'), refuse),
      }),
      grpcService(PriceServiceService, {
        createQuotes: method(allow('system'), async ({ asks }) => ({
          results: await Promise.all(
            asks.map(async ({ tenantId, items }) => {
              const [first] = items;
              const listPrice = first?.ask?.listPrice;
              if (!listPrice) throw appError('request.invalid');
              const planned = items.map(({ ask, quantity }) => ({ country: ask?.item?.country ?? '', segments: quantity }));
              const { quoteId, prices, total } = await ledger.quoteMessages({ tenantId, listPrice, planned });
              const unit = (country: string) => ({
                ...{
                  price: { currency: 'USD', micros: prices.get(country) ?? 0n },
                  lines: [],
                  bookVersionId: '',
                  book: 'default',
                  version: 1,
                },
              });
              const quote: Quote = {
                ...{ id: quoteId, tenantId, total, plan: 'starter', expiresAt: new Date(Date.now() + 600_000), createdAt: new Date() },
                items: items.map(({ ask, quantity }) => ({
                  ...{ item: ask?.item, quantity, unit: unit(ask?.item?.country ?? ''), amount: undefined },
                })),
              };
              return { quote, error: undefined };
            }),
          ),
        })),
        resolvePrices: method(allow('system'), async ({ asks }, { principal: { tenantId } }) => ({
          results: await Promise.all(
            asks.map(async ({ item, listPrice }) => {
              if (!listPrice) throw appError('request.invalid');
              const price = await ledger.priceOfSegment({ tenantId, listPrice, country: item?.country ?? '' });
              return { priced: { item, unit: { price, lines: [], bookVersionId: '', book: 'default', version: 1 } }, error: undefined };
            }),
          ),
        })),
        getQuote: method(allow('system'), refuse),
        explainCharge: method(allow('system'), refuse),
      }),
    ],
  });
  return { ledger, address: `127.0.0.1:${server.port}`, close: () => server.close() };
};
