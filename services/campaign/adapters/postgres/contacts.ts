import { isUuid, newId } from '#platform/ids/index.ts';
import { encodeCursor, isUniqueViolation, pageLimit, type Database, type Queryable, type Transaction } from '#platform/postgres/index.ts';
import type { ContactReads, ContactWrites } from '../../app/ports.ts';
import type { Contact, TimelineEntry, TimelineType } from '../../domain/contact.ts';
import { idCursor } from './id-cursor.ts';
import { ContactRow } from './rows.ts';

/** Opted out from this tenant, or from the whole platform. */
export const isCovered = async (queryable: Queryable, tenantId: string, phone: string): Promise<boolean> => {
  const [row] = await queryable.query<{ covered: boolean }>(
    'select exists (select from do_not_contact where phone = $2 and (tenant_id = $1 or tenant_id is null)) as covered',
    [tenantId, phone],
  );
  return row?.covered === true;
};

interface ListedRow {
  id: string;
  phone: string;
  first_name: string;
  last_name: string;
  email: string;
  tags: string[];
  fields: Record<string, string>;
  created_at: Date;
  do_not_contact: boolean;
}

const fromListed = (tenantId: string, row: ListedRow): Contact => ({
  id: row.id,
  tenantId,
  phone: row.phone,
  firstName: row.first_name,
  lastName: row.last_name,
  email: row.email,
  tags: row.tags,
  fields: row.fields,
  doNotContact: row.do_not_contact,
  createdAt: row.created_at,
});

const listedColumns = `c.id, c.phone, c.first_name, c.last_name, c.email, c.tags, c.fields, c.created_at,
  exists (select from do_not_contact d where d.phone = c.phone and (d.tenant_id = c.tenant_id or d.tenant_id is null)) as do_not_contact`;

const prefixPattern = (text: string): string => `${text.replace(/[\\%_]/g, (special) => `\\${special}`)}%`;

/** Numbers are written in many ways: "+44 7700", "447700" and "(0044) 7700" all mean the same beginning. */
const phonePattern = (search: string): string | null => {
  const digits = search.replace(/[\s().+-]/g, '').replace(/^00/, '');
  return /^\d+$/.test(digits) ? prefixPattern(`+${digits}`) : null;
};

/** Each branch of the search has its own index; the planner combines them. */
const listSql = `
select ${listedColumns} from contacts c
 where c.tenant_id = $1
   and ($2::uuid is null or c.id < $2)
   and ($3 = '' or exists (select from contact_tags t where t.tenant_id = $1 and t.tag = $3 and t.contact_id = c.id))
   and ($4::text is null or lower(c.first_name || ' ' || c.last_name) like $4 or lower(c.last_name) like $4 or lower(c.email) like $4 or c.phone like $5)
 order by c.id desc limit $6`;

/** By tag alone: the tag's own index holds the order. */
const listByTagSql = `
select ${listedColumns} from contact_tags t join contacts c on c.tenant_id = t.tenant_id and c.id = t.contact_id
 where t.tenant_id = $1 and t.tag = $3 and ($2::uuid is null or t.contact_id < $2)
 order by t.contact_id desc limit $4`;

const timelineSql = `
select type, at, campaign_id, detail from (
  select e.type, e.at, e.campaign_id, e.detail from contact_events e where e.contact_id = $2 and e.tenant_id = $1
  union all
  select m.type, m.at, j.campaign_id, coalesce(j.reason, '')
    from send_jobs j
   cross join lateral (values
     ('message.submitted', j.submitted_at),
     (case j.state when 'delivered' then 'message.delivered' when 'failed' then 'message.failed' when 'suppressed' then 'message.suppressed' end, j.finished_at)
   ) as m (type, at)
   where j.phone = $3 and j.tenant_id = $1 and j.campaign_id is not null and m.at is not null and m.type is not null
) entries order by at desc limit $4`;

export const contactReads = (db: Database): ContactReads => ({
  find: async (tenantId, id) => {
    if (!isUuid(id)) return undefined;
    const row = await db.em().findOne(ContactRow, { tenantId, id });
    return row ? { ...row, doNotContact: await isCovered(db, tenantId, row.phone) } : undefined;
  },

  list: async ({ tenantId, search, tag, page }) => {
    const limit = pageLimit(page.limit);
    const after = idCursor(page.cursor) ?? null;
    const pattern = search === '' ? null : prefixPattern(search.toLowerCase());
    const rows =
      pattern === null && tag !== ''
        ? await db.query<ListedRow>(listByTagSql, [tenantId, after, tag, limit + 1])
        : await db.query<ListedRow>(listSql, [tenantId, after, tag, pattern, phonePattern(search), limit + 1]);
    const items = rows.slice(0, limit).map((row) => fromListed(tenantId, row));
    return { items, nextCursor: rows.length > limit ? encodeCursor([items.at(-1)?.id ?? '']) : '' };
  },

  timeline: async (contact, limit) => {
    const rows = await db.query<{ type: TimelineType; at: Date; campaign_id: string | null; detail: string }>(timelineSql, [
      contact.tenantId,
      contact.id,
      contact.phone,
      limit,
    ]);
    return rows.map(({ campaign_id, ...row }): TimelineEntry => ({ ...row, campaignId: campaign_id ?? undefined }));
  },
});

export const contactWrites = (tx: Transaction): ContactWrites => ({
  insert: async ({ doNotContact: _derived, ...contact }) => {
    try {
      await tx.em.insert(ContactRow, { ...contact, tags: [...contact.tags], fields: { ...contact.fields } });
    } catch (error) {
      if (isUniqueViolation(error, 'contacts_tenant_phone')) return false;
      throw error;
    }
    if (contact.tags.length > 0) {
      await tx.query('insert into contact_tags (tenant_id, tag, contact_id) select $1, tag, $2 from unnest($3::text[]) as tag', [
        contact.tenantId,
        contact.id,
        contact.tags,
      ]);
    }
    return true;
  },

  byPhone: async (phone, tenantId) => {
    const rows = await tx.query<{ id: string; tenant_id: string }>(
      'select id, tenant_id from contacts where phone = $1 and ($2::uuid is null or tenant_id = $2) order by id',
      [phone, tenantId ?? null],
    );
    return rows.map(({ id, tenant_id }) => ({ id, tenantId: tenant_id }));
  },

  record: async (entries) => {
    if (entries.length === 0) return;
    await tx.query(
      `insert into contact_events (id, tenant_id, contact_id, type, at, campaign_id, detail)
       select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[], $7::text[])`,
      [
        entries.map(newId),
        entries.map(({ tenantId }) => tenantId),
        entries.map(({ contactId }) => contactId),
        entries.map(({ type }) => type),
        entries.map(({ at }) => at),
        entries.map(({ campaignId }) => campaignId ?? null),
        entries.map(({ detail }) => detail),
      ],
    );
  },

  unknownIds: async (tenantId, ids) => {
    const possible = ids.filter(isUuid);
    const rows = await tx.query<{ id: string }>('select id from contacts where tenant_id = $1 and id = any($2::uuid[])', [
      tenantId,
      possible,
    ]);
    const known = new Set(rows.map(({ id }) => id));
    return ids.filter((id) => !known.has(id));
  },
});
