import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Backends } from '../backends.ts';
import type { CatalogueCache } from '../catalogue-cache.ts';
import type { LiveStreams } from '../live/stream.ts';
import { abuseRoutes } from './abuse.ts';
import { adjustmentRoutes } from './adjustments.ts';
import { analyticsRoutes } from './analytics.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { authRoutes } from './auth.ts';
import { budgetRoutes } from './budgets.ts';
import type { WaitingAnswers } from '../waiting-answers.ts';
import { bulkRoutes } from './bulk.ts';
import { callbackRoutes } from './callbacks.ts';
import { campaignRoutes } from './campaigns.ts';
import { catalogueRoutes } from './catalogue.ts';
import { contactRoutes } from './contacts.ts';
import { disputeRoutes } from './disputes.ts';
import { documentRoutes } from './documents.ts';
import { emailDeliveryRoutes } from './email-deliveries.ts';
import { errorRoutes } from './errors.ts';
import { healthRoutes, type Readiness } from './health.ts';
import { leakageRoutes } from './leakage.ts';
import { marginRoutes } from './margins.ts';
import { memberRoutes } from './members.ts';
import { pageRoutes } from './pages.ts';
import { creditRoutes } from './credits.ts';
import { transactionRoutes } from './transactions.ts';
import { paymentMethodRoutes } from './payment-methods.ts';
import { paymentRoutes } from './payments.ts';
import { planGrantRoutes } from './plan-grants.ts';
import { planRoutes, subscriptionRoutes } from './plans.ts';
import { policyAdminRoutes } from './policy-admin.ts';
import { policyRoutes } from './policy.ts';
import { priceBookRoutes } from './price-books.ts';
import { priceRoutes } from './prices.ts';
import { promotionAdminRoutes, promotionRoutes } from './promotions.ts';
import { refundRoutes } from './refunds.ts';
import { usageAlertRoutes } from './usage-alerts.ts';
import { usageRoutes } from './usage.ts';
import { streamRoutes } from './stream.ts';
import { providerAdjustmentRoutes } from './provider-adjustments.ts';
import { routingRoutes } from './routing.ts';
import { rentalHistoryRoutes } from './rental-history.ts';
import { rentalRoutes } from './rentals.ts';
import { verificationEventRoutes } from './verification-events.ts';
import { verificationHistoryRoutes } from './verification-history.ts';
import { verificationLifeCycleRoutes } from './verification-life-cycle.ts';
import { verificationRoutes } from './verifications.ts';
import { walletRoutes } from './wallet.ts';
import { webhookRoutes } from './webhooks.ts';

export type { Readiness };
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface RouteDependencies {
  readonly backends: Backends;
  readonly streams: LiveStreams;
  readonly readiness: () => Promise<Readiness>;
  readonly publicUrl: string;
  readonly catalogue: CatalogueCache;
  readonly waiting: WaitingAnswers;
}

export const registerRoutes = async (app: FastifyInstance, dependencies: RouteDependencies): Promise<void> => {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>();
  authRoutes(typed, dependencies.backends);
  memberRoutes(typed, dependencies.backends);
  emailDeliveryRoutes(typed, dependencies.backends);
  apiKeyRoutes(typed, dependencies.backends);
  catalogueRoutes(typed, dependencies.backends, dependencies.catalogue);
  walletRoutes(typed, dependencies.backends);
  paymentRoutes(typed, dependencies.backends);
  paymentMethodRoutes(typed, dependencies.backends);
  refundRoutes(typed, dependencies.backends);
  disputeRoutes(typed, dependencies.backends);
  creditRoutes(typed, dependencies.backends);
  transactionRoutes(typed, dependencies.backends);
  documentRoutes(typed, dependencies.backends);
  adjustmentRoutes(typed, dependencies.backends);
  marginRoutes(typed, dependencies.backends);
  planRoutes(typed, dependencies.backends);
  subscriptionRoutes(typed, dependencies.backends);
  planGrantRoutes(typed, dependencies.backends);
  priceRoutes(typed, dependencies.backends);
  priceBookRoutes(typed, dependencies.backends);
  promotionRoutes(typed, dependencies.backends);
  promotionAdminRoutes(typed, dependencies.backends);
  usageRoutes(typed, dependencies.backends);
  usageAlertRoutes(typed, dependencies.backends);
  budgetRoutes(typed, dependencies.backends);
  bulkRoutes(typed, dependencies.backends);
  routingRoutes(typed, dependencies.backends);
  providerAdjustmentRoutes(typed, dependencies.backends);
  verificationRoutes(typed, dependencies.backends, dependencies.waiting);
  verificationHistoryRoutes(typed, dependencies.backends);
  verificationLifeCycleRoutes(typed, dependencies.backends, dependencies.waiting);
  rentalRoutes(typed, dependencies.backends);
  rentalHistoryRoutes(typed, dependencies.backends);
  verificationEventRoutes(typed, dependencies);
  policyRoutes(typed, dependencies.backends);
  policyAdminRoutes(typed, dependencies.backends);
  streamRoutes(typed, dependencies);
  leakageRoutes(typed, dependencies.backends);
  abuseRoutes(typed, dependencies.backends);
  contactRoutes(typed, dependencies.backends);
  campaignRoutes(typed, dependencies.backends);
  webhookRoutes(typed, dependencies.backends);
  analyticsRoutes(typed, dependencies.backends);
  errorRoutes(typed);
  healthRoutes(typed, dependencies);
  await pageRoutes(app, dependencies.backends);
  await callbackRoutes(app, dependencies.backends);
};
