import { defineEntity, p } from '@mikro-orm/postgresql';

const DataKeyRow = defineEntity({
  name: 'DataKeyRow',
  tableName: 'data_keys',
  properties: {
    owner: p.text().primary(),
    version: p.integer().primary(),
    wrapperId: p.text(),
    wrapped: p.blob().nullable(),
    createdAt: p.datetime(),
    destroyedAt: p.datetime().nullable(),
  },
});

export const keyEntities = [DataKeyRow] as const;
