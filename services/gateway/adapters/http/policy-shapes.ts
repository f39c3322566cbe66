/** Shapes of acceptable use, shared by the tenant's own routes and the operators'. */
import { Type } from 'typebox';
import type { KillSwitch as SwitchMessage, PolicyDecision, PolicyLimits, TenantPolicy } from '#proto/namaskah/verification/v1/policy.ts';
import { edgeId, fromMoney, fromTime, orNull } from './mapping.ts';
import { Amount, closed, Currency, id, Timestamp } from './schemas.ts';

export const PolicyClass = Type.Enum(['open', 'restricted', 'blocked'], {
  description: 'open: anybody · restricted: accounts whose holder is known (KYC level 1) · blocked: nobody, unless an operator opens it',
});
const Count = Type.Integer({ minimum: 0, maximum: 1_000_000, examples: [25] });

const Limits = Type.Object(
  {
    open: Type.Integer({ description: 'Numbers that wait for a code', examples: [5] }),
    openRentals: Type.Integer({ description: 'Numbers rented for hours or longer', examples: [2] }),
    purchasesPerHour: Type.Integer({ examples: [20] }),
    cancelsPerHour: Type.Integer({ description: 'Beyond these, purchases are refused; a cancellation never is', examples: [10] }),
    spendPerDay: Type.String({ description: 'Of a UTC day, without what was given back', examples: ['20.00'] }),
    currency: Currency,
  },
  closed,
);

export const Policy = Type.Object(
  {
    tenantId: id('ten'),
    kycLevel: Type.Integer({ minimum: 0, maximum: 3, description: '0: nothing is known of the holder' }),
    kycPurpose: Type.Union([Type.String(), Type.Null()], { description: 'What the numbers are rented for, as stated' }),
    restrictedAllowed: Type.Boolean({ description: 'Services of class "restricted" may be rented' }),
    newAccountUntil: Type.Union([Timestamp, Type.Null()], { description: 'Until then the lower limits of new accounts count' }),
    limits: Limits,
    used: Limits,
    success: Type.Object(
      {
        outcomes: Type.Integer({ description: 'Numbers of the last 24 hours whose outcome is known' }),
        received: Type.Integer({ description: 'Those of them that got a code' }),
        floorPercent: Type.Integer({ description: 'Below this share purchases stop for a day', examples: [7] }),
        floorOutcomes: Type.Integer({ description: 'Fewer outcomes are not judged', examples: [10] }),
        blockedUntil: Type.Union([Timestamp, Type.Null()]),
        acknowledgementsLeft: Type.Integer({ description: 'How often you may still lift such a block yourself', examples: [3] }),
      },
      closed,
    ),
    ownClasses: Type.Array(Type.Object({ service: Type.String({ examples: ['paypal'] }), policyClass: PolicyClass }, closed), {
      description: 'Services whose class differs for you from the one in /v2/services',
    }),
    ownLimits: Type.Object(
      {
        open: Type.Union([Type.Integer(), Type.Null()]),
        openRentals: Type.Union([Type.Integer(), Type.Null()]),
        purchasesPerHour: Type.Union([Type.Integer(), Type.Null()]),
        cancelsPerHour: Type.Union([Type.Integer(), Type.Null()]),
        spendPerDay: Type.Union([Type.String(), Type.Null()]),
      },
      { ...closed, description: 'Agreed with you; null: that of your level' },
    ),
  },
  { ...closed, description: 'What a tenant may buy, and what it has used of it' },
);

const limitsFrom = (limits: PolicyLimits | undefined) => ({
  open: limits?.open ?? 0,
  openRentals: limits?.openRentals ?? 0,
  purchasesPerHour: limits?.purchasesPerHour ?? 0,
  cancelsPerHour: limits?.cancelsPerHour ?? 0,
  spendPerDay: fromMoney(limits?.spendPerDay),
  currency: limits?.spendPerDay?.currency ?? 'USD',
});

export const policyFromProto = (policy: TenantPolicy | undefined) => {
  if (!policy) throw new Error('the verification service answered without a policy');
  const { ownLimits } = policy;
  return {
    tenantId: edgeId('tenant', policy.tenantId),
    kycLevel: policy.kycLevel,
    kycPurpose: orNull(policy.kycPurpose),
    restrictedAllowed: policy.restrictedAllowed,
    newAccountUntil: fromTime(policy.newAccountUntil),
    limits: limitsFrom(policy.limits),
    used: limitsFrom(policy.used),
    success: {
      outcomes: policy.outcomes,
      received: policy.received,
      floorPercent: policy.floorPercent,
      floorOutcomes: policy.floorOutcomes,
      blockedUntil: fromTime(policy.blockedUntil),
      acknowledgementsLeft: policy.acknowledgementsLeft,
    },
    ownClasses: policy.ownClasses.map(({ service, policyClass }) => ({
      service,
      policyClass: policyClass as 'open' | 'restricted' | 'blocked',
    })),
    ownLimits: {
      open: ownLimits?.open ?? null,
      openRentals: ownLimits?.openRentals ?? null,
      purchasesPerHour: ownLimits?.purchasesPerHour ?? null,
      cancelsPerHour: ownLimits?.cancelsPerHour ?? null,
      spendPerDay: ownLimits?.spendPerDay ? fromMoney(ownLimits.spendPerDay) : null,
    },
  };
};

export const Note = Type.String({
  minLength: 10,
  maxLength: 1_000,
  description: 'For auditors',
  examples: ['Ticket 4711: passport checked'],
});

export const KillSwitch = Type.Object(
  {
    id: id('ksw'),
    scope: Type.Enum(['tenant', 'service', 'provider']),
    target: Type.String({ description: 'Id of a tenant, code of a service, name of a provider', examples: ['telegram'] }),
    reason: Type.String(),
    setBy: Type.String({ examples: ['user:0192d3a0-0000-7000-8000-000000000002'] }),
    setAt: Timestamp,
  },
  closed,
);

export const switchFromProto = (row: SwitchMessage | undefined) => {
  if (!row) throw new Error('the verification service answered without a switch');
  return {
    id: edgeId('killSwitch', row.id),
    scope: row.scope as 'tenant' | 'service' | 'provider',
    target: row.scope === 'tenant' ? edgeId('tenant', row.target) : row.target,
    reason: row.reason,
    setBy: row.setBy,
    setAt: fromTime(row.setAt) ?? '',
  };
};

export const decisionKinds = [
  'refused',
  'acknowledged',
  'kyc_set',
  'limits_set',
  'class_set',
  'switched_off',
  'switched_on',
  'number_banned',
  'ban_lifted',
  'message_withheld',
  'abuse_reported',
  'abuse_decided',
] as const;

export const Decision = Type.Object(
  {
    id: id('pdc'),
    kind: Type.Enum([...decisionKinds]),
    tenantId: Type.Union([id('ten'), Type.Null()]),
    reason: Type.String({ description: 'Of a refusal: why; else what was set', examples: ['open_activations'] }),
    service: Type.Union([Type.String(), Type.Null()]),
    country: Type.Union([Type.String(), Type.Null()]),
    provider: Type.Union([Type.String(), Type.Null()]),
    verificationId: Type.Union([id('ver'), Type.Null()]),
    actor: Type.Union([Type.String(), Type.Null()], { description: 'null: the platform by itself' }),
    note: Type.String(),
    detail: Type.Unknown({ description: 'What else there is to say, by kind' }),
    firstAt: Timestamp,
    at: Timestamp,
    times: Type.Integer({ description: 'Refusals that repeat within a minute are one line', examples: [1] }),
  },
  { ...closed, description: 'One line of the audit' },
);

export const decisionFromProto = (line: PolicyDecision) => ({
  id: edgeId('policyDecision', line.id),
  kind: line.kind as (typeof decisionKinds)[number],
  tenantId: line.tenantId === '' ? null : edgeId('tenant', line.tenantId),
  reason: line.reason,
  service: orNull(line.service),
  country: orNull(line.country),
  provider: orNull(line.provider),
  verificationId: line.verificationId === '' ? null : edgeId('verification', line.verificationId),
  actor: orNull(line.actor),
  note: line.note,
  detail: JSON.parse(line.detailJson) as unknown,
  firstAt: fromTime(line.firstAt) ?? '',
  at: fromTime(line.at) ?? '',
  times: line.times,
});

export const OwnLimits = Type.Object(
  {
    open: Type.Optional(Count),
    openRentals: Type.Optional(Count),
    purchasesPerHour: Type.Optional(Count),
    cancelsPerHour: Type.Optional(Count),
    spendPerDay: Type.Optional(Amount),
  },
  { ...closed, description: 'What is left out is that of the level; 0 forbids' },
);
