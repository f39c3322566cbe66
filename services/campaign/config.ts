import {
  addressVar,
  databaseConfig,
  defineConfig,
  durationVar,
  grpcConfig,
  integerVar,
  portVar,
  processConfig,
  secretVar,
  textVar,
  type ConfigOf,
} from '#platform/config/index.ts';

export const campaignConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...databaseConfig,
  billingAddress: addressVar('BILLING_GRPC_ADDRESS', { description: 'holds for campaigns are placed there' }),
  smppHost: textVar('SMPP_HOST', { description: 'the carrier' }),
  smppPort: portVar('SMPP_PORT', { description: 'the carrier' }),
  smppSystemId: textVar('SMPP_SYSTEM_ID', { minLength: 1, maxLength: 15 }),
  smppPassword: secretVar('SMPP_PASSWORD', { minLength: 1, description: 'at most 8 characters reach an SMPP 3.4 carrier' }),
  smppWindow: integerVar('SMPP_WINDOW', {
    default: 50,
    min: 1,
    max: 500,
    description: 'submits without an answer at one time; 10 unless agreed',
  }),
  smppResponseTimeoutMs: durationVar('SMPP_RESPONSE_TIMEOUT_MS', {
    default: 10_000,
    min: 100,
    description: 'an answer later than this is unknown',
  }),
  smppEnquireLinkMs: durationVar('SMPP_ENQUIRE_LINK_MS', { default: 30_000, min: 100 }),
  sender: textVar('CAMPAIGN_SENDER', { minLength: 1, maxLength: 20, description: 'address that messages come from' }),
  segmentPrice: textVar('CAMPAIGN_SEGMENT_PRICE', {
    pattern: /^(?=.*[1-9])\d{1,3}(\.\d{1,6})?$/,
    description: 'decimal USD, more than nothing',
  }),
  dispatchBatch: integerVar('CAMPAIGN_DISPATCH_BATCH', {
    default: 250,
    min: 2,
    max: 5_000,
    description: 'messages claimed at once; twice as many may be under way',
  }),
  dispatchPollMs: durationVar('CAMPAIGN_DISPATCH_POLL_MS', { default: 250, min: 10 }),
});

export type CampaignConfig = ConfigOf<typeof campaignConfig>;
