/** Composition root of the gateway: the public REST surface over the services' gRPC. Owns no database. */
import { appError } from '#platform/errors/index.ts';
import { grpcClient } from '#platform/grpc/index.ts';
import { runMain, startService, type RunningService } from '#platform/lifecycle/index.ts';
import { openBus } from '#platform/messaging/index.ts';
import { systemClock, type Clock } from '#platform/time/index.ts';
import { AnalyticsServiceClient } from '#proto/namaskah/analytics/v1/analytics.ts';
import { ApiKeyServiceClient, AuthServiceClient, MemberServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import { AdjustmentServiceClient } from '#proto/namaskah/billing/v1/adjustments.ts';
import { DocumentServiceClient } from '#proto/namaskah/billing/v1/documents.ts';
import { PaymentServiceClient, WalletServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { CreditServiceClient } from '#proto/namaskah/billing/v1/ledger.ts';
import { MarginServiceClient } from '#proto/namaskah/billing/v1/margins.ts';
import { PlanGrantServiceClient } from '#proto/namaskah/billing/v1/plan_grants.ts';
import { PlanServiceClient, SubscriptionServiceClient } from '#proto/namaskah/billing/v1/plans.ts';
import { PriceBookServiceClient, PriceServiceClient } from '#proto/namaskah/billing/v1/prices.ts';
import { PromotionServiceClient } from '#proto/namaskah/billing/v1/promotions.ts';
import { PaymentMethodServiceClient } from '#proto/namaskah/billing/v1/payment_methods.ts';
import { DisputeServiceClient } from '#proto/namaskah/billing/v1/disputes.ts';
import { RefundServiceClient } from '#proto/namaskah/billing/v1/refunds.ts';
import { AlertServiceClient, BudgetServiceClient, UsageServiceClient } from '#proto/namaskah/billing/v1/usage.ts';
import { CampaignServiceClient, ContactServiceClient } from '#proto/namaskah/campaign/v1/campaign.ts';
import { NotificationServiceClient } from '#proto/namaskah/notification/v1/notification.ts';
import { WebhookServiceClient } from '#proto/namaskah/notification/v1/webhooks.ts';
import { ProviderBalanceServiceClient } from '#proto/namaskah/verification/v1/balances.ts';
import { RoutingServiceClient } from '#proto/namaskah/verification/v1/routing.ts';
import { LifeCycleServiceClient } from '#proto/namaskah/verification/v1/lifecycle.ts';
import { BulkServiceClient } from '#proto/namaskah/verification/v1/bulk.ts';
import { ChoiceServiceClient } from '#proto/namaskah/verification/v1/choices.ts';
import { PolicyServiceClient } from '#proto/namaskah/verification/v1/policy.ts';
import { LeakageServiceClient } from '#proto/namaskah/verification/v1/leakage.ts';
import { RentalServiceClient } from '#proto/namaskah/verification/v1/rentals.ts';
import { LiveServiceClient } from '#proto/namaskah/verification/v1/live.ts';
import {
  CatalogServiceClient,
  ProviderPushServiceClient,
  VerificationServiceClient,
} from '#proto/namaskah/verification/v1/verification.ts';
import { apiKeyVerifier, looksLikeApiKey, type VerifiedKey } from './adapters/credentials/api-keys.ts';
import { tokenVerifier } from './adapters/credentials/tokens.ts';
import type { Backends } from './adapters/http/backends.ts';
import { catalogueCache } from './adapters/http/catalogue-cache.ts';
import { isPublic } from './adapters/http/live/event-types.ts';
import { liveTiming } from './adapters/http/live/stream.ts';
import { createServer } from './adapters/http/server.ts';
import { reportCalls } from './adapters/usage/report-calls.ts';
import { followAuth, followCatalogue, followMarket } from './adapters/nats/follow.ts';
import { openLiveFeed } from './adapters/nats/live/feed.ts';
import { authenticate } from './app/authenticate.ts';
import type { Role, Scope } from './app/ports.ts';
import { gatewayConfig, type GatewayConfig } from './config.ts';

const keyFromAuth =
  (apiKeys: Backends['apiKeys']) =>
  async (key: string): Promise<VerifiedKey> => {
    const answer = await apiKeys.verifyApiKey({ key }, {});
    return {
      keyId: answer.keyId,
      expiresAt: answer.expiresAt,
      caller: {
        tenantId: answer.tenantId,
        subject: `key:${answer.keyId}`,
        roles: [answer.role.replace('ROLE_', '').toLowerCase() as Role],
        scopes: answer.scopes as Scope[],
        plan: answer.plan,
      },
    };
  };

export const start = (config: GatewayConfig, { clock = systemClock }: { clock?: Clock } = {}): Promise<RunningService> =>
  startService('gateway', config, async (life) => {
    const { principalKey } = config;
    const at = (address: string) => ({
      address,
      principalKey,
      caller: 'gateway',
      defaultDeadlineMs: config.requestBudgetMs,
      metrics: life.metrics,
    });
    const backends: Backends = {
      auth: await life.own('auth', grpcClient(AuthServiceClient, at(config.authAddress))),
      apiKeys: await life.own('api-keys', grpcClient(ApiKeyServiceClient, at(config.authAddress))),
      members: await life.own('members', grpcClient(MemberServiceClient, at(config.authAddress))),
      wallet: await life.own('wallet', grpcClient(WalletServiceClient, at(config.billingAddress))),
      credits: await life.own('credits', grpcClient(CreditServiceClient, at(config.billingAddress))),
      payments: await life.own('payments', grpcClient(PaymentServiceClient, at(config.billingAddress))),
      paymentMethods: await life.own('payment-methods', grpcClient(PaymentMethodServiceClient, at(config.billingAddress))),
      disputes: await life.own('disputes', grpcClient(DisputeServiceClient, at(config.billingAddress))),
      refunds: await life.own('refunds', grpcClient(RefundServiceClient, at(config.billingAddress))),
      prices: await life.own('prices', grpcClient(PriceServiceClient, at(config.billingAddress))),
      priceBooks: await life.own('price-books', grpcClient(PriceBookServiceClient, at(config.billingAddress))),
      promotions: await life.own('promotions', grpcClient(PromotionServiceClient, at(config.billingAddress))),
      documents: await life.own('documents', grpcClient(DocumentServiceClient, at(config.billingAddress))),
      adjustments: await life.own('adjustments', grpcClient(AdjustmentServiceClient, at(config.billingAddress))),
      margins: await life.own('margins', grpcClient(MarginServiceClient, at(config.billingAddress))),
      plans: await life.own('plans', grpcClient(PlanServiceClient, at(config.billingAddress))),
      planGrants: await life.own('plan grants', grpcClient(PlanGrantServiceClient, at(config.billingAddress))),
      subscriptions: await life.own('subscriptions', grpcClient(SubscriptionServiceClient, at(config.billingAddress))),
      usage: await life.own('usage', grpcClient(UsageServiceClient, at(config.billingAddress))),
      budgets: await life.own('budgets', grpcClient(BudgetServiceClient, at(config.billingAddress))),
      alerts: await life.own('alerts', grpcClient(AlertServiceClient, at(config.billingAddress))),
      catalog: await life.own('catalog', grpcClient(CatalogServiceClient, at(config.verificationAddress))),
      choices: await life.own('choices', grpcClient(ChoiceServiceClient, at(config.verificationAddress))),
      balances: await life.own('accounts at providers', grpcClient(ProviderBalanceServiceClient, at(config.verificationAddress))),
      routing: await life.own('routing', grpcClient(RoutingServiceClient, at(config.verificationAddress))),
      lifeCycle: await life.own('life cycle', grpcClient(LifeCycleServiceClient, at(config.verificationAddress))),
      bulk: await life.own('bulk', grpcClient(BulkServiceClient, at(config.verificationAddress))),
      verifications: await life.own('verifications', grpcClient(VerificationServiceClient, at(config.verificationAddress))),
      leakage: await life.own('leakage', grpcClient(LeakageServiceClient, at(config.verificationAddress))),
      rentals: await life.own('rentals', grpcClient(RentalServiceClient, at(config.verificationAddress))),
      live: await life.own('live', grpcClient(LiveServiceClient, at(config.verificationAddress))),
      providerPush: await life.own('provider-push', grpcClient(ProviderPushServiceClient, at(config.verificationAddress))),
      policy: await life.own('policy', grpcClient(PolicyServiceClient, at(config.verificationAddress))),
      contacts: await life.own('contacts', grpcClient(ContactServiceClient, at(config.campaignAddress))),
      campaigns: await life.own('campaigns', grpcClient(CampaignServiceClient, at(config.campaignAddress))),
      analytics: await life.own('analytics', grpcClient(AnalyticsServiceClient, at(config.analyticsAddress))),
      notifications: await life.own('notifications', grpcClient(NotificationServiceClient, at(config.notificationAddress))),
      webhooks: await life.own('webhooks', grpcClient(WebhookServiceClient, at(config.notificationAddress))),
    };
    const tokens = tokenVerifier({
      fetchJwks: async () => (await backends.auth.getJwks({}, {})).jwksJson,
      issuer: config.publicUrl,
      clock,
    });
    const apiKeys = apiKeyVerifier({ ask: keyFromAuth(backends.apiKeys), clock });

    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'gateway', logger: life.logger }));
    await life.own(
      'auth changes',
      followAuth(bus, {
        endSession: tokens.endSession,
        revokeKey: apiKeys.revoke,
        changePlan: (tenantId, plan) => {
          tokens.changePlan(tenantId, plan);
          apiKeys.changePlan(tenantId, plan);
        },
      }),
    );
    const catalogue = catalogueCache();
    await life.own('catalogue changes', followCatalogue(bus, catalogue));
    await life.own('market changes', followMarket(bus, catalogue));
    const feed = await life.own(
      'live events',
      openLiveFeed({ bus, logger: life.logger, windowEvents: config.streamWindowEvents, isPublic }),
    );

    // Opened before the server, so that it is flushed after the last answer.
    const calls = await life.own(
      'call meter',
      reportCalls({ usage: backends.usage, clock, life, intervalMs: config.usageReportIntervalMs }),
    );

    let stopping = false;
    life.readiness('nats', () => bus.ping());
    const app = await createServer({
      backends,
      countCall: calls.count,
      authenticate: authenticate({ tokens, apiKeys, looksLikeApiKey }),
      catalogue,
      live: { feed, cursorKey: principalKey, timing: { ...liveTiming, retentionMs: config.streamRetentionMs } },
      logger: life.logger,
      metrics: life.metrics,
      publicUrl: config.publicUrl,
      corsOrigins: config.corsOrigins
        .split(',')
        .map((origin) => origin.trim())
        .filter(Boolean),
      rateLimitFactor: config.rateLimitFactor,
      requestBudgetMs: config.requestBudgetMs,
      bodyLimitBytes: config.bodyLimitBytes,
      maxEventLoopDelayMs: config.maxEventLoopDelayMs,
      readiness: async () => {
        const nats = await bus.ping().then(
          () => 'ready',
          () => 'no connection',
        );
        const process = stopping ? 'stopping' : 'ready';
        return { ready: nats === 'ready' && !stopping, parts: { nats, gateway: process } };
      },
    });
    await app.listen({ host: config.host, port: config.port });
    await life.own('http', {
      stopping: () => {
        stopping = true;
      },
      close: () => app.close(),
    });
    const address = app.server.address();
    if (address === null || typeof address === 'string') throw appError('platform.internal', { cause: 'no TCP address' });
    life.address('http', address.port);
  });

if (import.meta.main) await runMain(() => start(gatewayConfig.parse(process.env)));
