import { events } from '#events';
import { publishEvent } from '#platform/messaging/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import type { EventRecorder, ProgressDelta } from '../../app/ports.ts';

const { campaign: facts } = events;

const progressPayload = (progress: ProgressDelta) => ({
  submitted: BigInt(progress.submitted),
  delivered: BigInt(progress.delivered),
  failed: BigInt(progress.failed),
  suppressed: BigInt(progress.suppressed),
  unknown: BigInt(progress.unknown),
});

/** Facts become outbox rows of the transaction. A contact has no version of its own: its events are told once each. */
export const eventRecorder = (tx: Transaction): EventRecorder => {
  const ofContact = ({ tenantId, at, contactId }: { tenantId: string; at: Date; contactId: string }) => ({
    tenantId,
    aggregateId: contactId,
    aggregateVersion: BigInt(at.getTime()),
    occurredAt: at,
  });
  const ofCampaign = ({ tenantId, at, campaignId, version }: { tenantId: string; at: Date; campaignId: string; version: bigint }) => ({
    tenantId,
    aggregateId: campaignId,
    aggregateVersion: version,
    occurredAt: at,
  });
  return {
    contactCreated: (event) => publishEvent(tx, facts.contactCreated, { ...ofContact(event), payload: { contactId: event.contactId } }),
    contactOptedOut: (event) =>
      publishEvent(tx, facts.contactOptedOut, {
        ...ofContact(event),
        payload: { contactId: event.contactId, jobsStopped: BigInt(event.jobsStopped) },
      }),
    contactOptedIn: (event) => publishEvent(tx, facts.contactOptedIn, { ...ofContact(event), payload: { contactId: event.contactId } }),
    campaignLaunched: ({ campaignId, planned, holdId, estimatedCost, ...event }) =>
      publishEvent(tx, facts.launched, {
        ...ofCampaign({ ...event, campaignId }),
        payload: { campaignId, planned, holdId, estimatedCost },
      }),
    messagesProgressed: ({ campaignId, holdId, chargedTotal, progress, ...event }) =>
      publishEvent(tx, facts.messagesProgressed, {
        ...ofCampaign({ ...event, campaignId }),
        payload: { campaignId, ...progressPayload(progress), holdId, chargedTotal },
      }),
    campaignCompleted: ({ campaignId, holdId, chargedTotal, ...event }) =>
      publishEvent(tx, facts.completed, { ...ofCampaign({ ...event, campaignId }), payload: { campaignId, holdId, chargedTotal } }),
    campaignCancelled: ({ campaignId, holdId, chargedTotal, ...event }) =>
      publishEvent(tx, facts.cancelled, { ...ofCampaign({ ...event, campaignId }), payload: { campaignId, holdId, chargedTotal } }),
  };
};
