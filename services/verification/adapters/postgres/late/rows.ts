import { defineEntity, p } from '@mikro-orm/postgresql';

const LateCodeRow = defineEntity({
  name: 'LateCodeRow',
  tableName: 'late_codes',
  properties: {
    messageId: p.uuid().primary(),
    verificationId: p.uuid(),
    tenantId: p.uuid(),
    state: p.text().$type<'pending' | 'hidden' | 'shown' | 'charged'>(),
    reason: p.text().nullable(),
    arrivedAt: p.datetime(),
    dueAt: p.datetime().nullable(),
    decidedAt: p.datetime().nullable(),
    attempts: p.integer(),
    hold: p.text().$type<'none' | 'asked' | 'unneeded'>(),
  },
});

export const lateEntities = [LateCodeRow] as const;
