/** The gRPC services behind the REST surface, one narrow client per proto service. main.ts fills them in. */
import type { ClientOf } from '#platform/grpc/index.ts';
import type { AnalyticsServiceClient } from '#proto/namaskah/analytics/v1/analytics.ts';
import type { ApiKeyServiceClient, AuthServiceClient, MemberServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import type { PaymentServiceClient, WalletServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import type { CampaignServiceClient, ContactServiceClient } from '#proto/namaskah/campaign/v1/campaign.ts';
import type { NotificationServiceClient } from '#proto/namaskah/notification/v1/notification.ts';
import type { CatalogServiceClient, ProviderPushServiceClient, VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';

export interface Backends {
  readonly auth: ClientOf<AuthServiceClient>;
  readonly apiKeys: ClientOf<ApiKeyServiceClient>;
  readonly members: ClientOf<MemberServiceClient>;
  readonly wallet: ClientOf<WalletServiceClient>;
  readonly payments: ClientOf<PaymentServiceClient>;
  readonly catalog: ClientOf<CatalogServiceClient>;
  readonly verifications: ClientOf<VerificationServiceClient>;
  readonly providerPush: ClientOf<ProviderPushServiceClient>;
  readonly contacts: ClientOf<ContactServiceClient>;
  readonly campaigns: ClientOf<CampaignServiceClient>;
  readonly analytics: ClientOf<AnalyticsServiceClient>;
  readonly notifications: ClientOf<NotificationServiceClient>;
}
