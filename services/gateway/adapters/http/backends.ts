/** The gRPC services behind the REST surface, one narrow client per proto service. main.ts fills them in. */
import type { GrpcClient } from '#platform/grpc/index.ts';
import type { AnalyticsServiceService } from '#proto/namaskah/analytics/v1/analytics.ts';
import type { ApiKeyServiceService, AuthServiceService, MemberServiceService } from '#proto/namaskah/auth/v1/auth.ts';
import type { AdjustmentServiceService } from '#proto/namaskah/billing/v1/adjustments.ts';
import type { PaymentMethodServiceService } from '#proto/namaskah/billing/v1/payment_methods.ts';
import type { DisputeServiceService } from '#proto/namaskah/billing/v1/disputes.ts';
import type { DocumentServiceService } from '#proto/namaskah/billing/v1/documents.ts';
import type { PaymentServiceService, WalletServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import type { CreditServiceService } from '#proto/namaskah/billing/v1/ledger.ts';
import type { MarginServiceService } from '#proto/namaskah/billing/v1/margins.ts';
import type { PlanGrantServiceService } from '#proto/namaskah/billing/v1/plan_grants.ts';
import type { PlanServiceService, SubscriptionServiceService } from '#proto/namaskah/billing/v1/plans.ts';
import type { PriceBookServiceService, PriceServiceService } from '#proto/namaskah/billing/v1/prices.ts';
import type { PromotionServiceService } from '#proto/namaskah/billing/v1/promotions.ts';
import type { RefundServiceService } from '#proto/namaskah/billing/v1/refunds.ts';
import type { AlertServiceService, BudgetServiceService, UsageServiceService } from '#proto/namaskah/billing/v1/usage.ts';
import type { CampaignServiceService, ContactServiceService } from '#proto/namaskah/campaign/v1/campaign.ts';
import type { NotificationServiceService } from '#proto/namaskah/notification/v1/notification.ts';
import type { WebhookServiceService } from '#proto/namaskah/notification/v1/webhooks.ts';
import type { LifeCycleServiceService } from '#proto/namaskah/verification/v1/lifecycle.ts';
import type { BulkServiceService } from '#proto/namaskah/verification/v1/bulk.ts';
import type { ChoiceServiceService } from '#proto/namaskah/verification/v1/choices.ts';
import type { PolicyServiceService } from '#proto/namaskah/verification/v1/policy.ts';
import type { LeakageServiceService } from '#proto/namaskah/verification/v1/leakage.ts';
import type { RentalServiceService } from '#proto/namaskah/verification/v1/rentals.ts';
import type { LiveServiceService } from '#proto/namaskah/verification/v1/live.ts';
import type { ProviderBalanceServiceService } from '#proto/namaskah/verification/v1/balances.ts';
import type { RoutingServiceService } from '#proto/namaskah/verification/v1/routing.ts';
import type {
  CatalogServiceService,
  ProviderPushServiceService,
  VerificationServiceService,
} from '#proto/namaskah/verification/v1/verification.ts';

export interface Backends {
  readonly auth: GrpcClient<typeof AuthServiceService>;
  readonly apiKeys: GrpcClient<typeof ApiKeyServiceService>;
  readonly members: GrpcClient<typeof MemberServiceService>;
  readonly wallet: GrpcClient<typeof WalletServiceService>;
  readonly credits: GrpcClient<typeof CreditServiceService>;
  readonly payments: GrpcClient<typeof PaymentServiceService>;
  readonly paymentMethods: GrpcClient<typeof PaymentMethodServiceService>;
  readonly disputes: GrpcClient<typeof DisputeServiceService>;
  readonly refunds: GrpcClient<typeof RefundServiceService>;
  readonly prices: GrpcClient<typeof PriceServiceService>;
  readonly priceBooks: GrpcClient<typeof PriceBookServiceService>;
  readonly promotions: GrpcClient<typeof PromotionServiceService>;
  readonly documents: GrpcClient<typeof DocumentServiceService>;
  readonly adjustments: GrpcClient<typeof AdjustmentServiceService>;
  readonly margins: GrpcClient<typeof MarginServiceService>;
  readonly plans: GrpcClient<typeof PlanServiceService>;
  readonly subscriptions: GrpcClient<typeof SubscriptionServiceService>;
  readonly planGrants: GrpcClient<typeof PlanGrantServiceService>;
  readonly usage: GrpcClient<typeof UsageServiceService>;
  readonly budgets: GrpcClient<typeof BudgetServiceService>;
  readonly alerts: GrpcClient<typeof AlertServiceService>;
  readonly catalog: GrpcClient<typeof CatalogServiceService>;
  readonly verifications: GrpcClient<typeof VerificationServiceService>;
  readonly choices: GrpcClient<typeof ChoiceServiceService>;
  readonly lifeCycle: GrpcClient<typeof LifeCycleServiceService>;
  readonly bulk: GrpcClient<typeof BulkServiceService>;
  readonly balances: GrpcClient<typeof ProviderBalanceServiceService>;
  readonly routing: GrpcClient<typeof RoutingServiceService>;
  readonly leakage: GrpcClient<typeof LeakageServiceService>;
  readonly rentals: GrpcClient<typeof RentalServiceService>;
  readonly live: GrpcClient<typeof LiveServiceService>;
  readonly providerPush: GrpcClient<typeof ProviderPushServiceService>;
  readonly policy: GrpcClient<typeof PolicyServiceService>;
  readonly contacts: GrpcClient<typeof ContactServiceService>;
  readonly campaigns: GrpcClient<typeof CampaignServiceService>;
  readonly analytics: GrpcClient<typeof AnalyticsServiceService>;
  readonly notifications: GrpcClient<typeof NotificationServiceService>;
  readonly webhooks: GrpcClient<typeof WebhookServiceService>;
}
