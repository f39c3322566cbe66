import { Type } from 'typebox';
import { appError, catalogue, isErrorCode } from '#platform/errors/index.ts';
import { publicAccess } from '../../../app/access.ts';
import { closed, problems } from '../schemas.ts';
import type { App } from './index.ts';

const ErrorRow = Type.Object(
  {
    code: Type.String(),
    status: Type.Integer(),
    title: Type.String(),
    retryable: Type.Boolean({ description: 'The same call may succeed later' }),
  },
  closed,
);

const describe = (code: keyof typeof catalogue) => ({
  code,
  status: catalogue[code].http,
  title: catalogue[code].title,
  retryable: catalogue[code].retryable,
});

/** Where a problem's `type` leads: what the code means and whether to try again. */
export const errorRoutes = (app: App): void => {
  const config = { access: publicAccess };
  app.get(
    '/errors',
    {
      config,
      schema: {
        tags: ['errors'],
        summary: 'Every error code',
        security: [],
        response: { 200: Type.Object({ data: Type.Array(ErrorRow) }, closed) },
      },
    },
    async () => ({
      data: (Object.keys(catalogue) as (keyof typeof catalogue)[]).map(describe),
    }),
  );
  app.get(
    '/errors/:code',
    {
      config,
      schema: {
        tags: ['errors'],
        summary: 'One error code',
        security: [],
        params: Type.Object({ code: Type.String() }),
        response: { 200: ErrorRow, ...problems(404) },
      },
    },
    async (request) => {
      if (!isErrorCode(request.params.code)) throw appError('request.not_found');
      return describe(request.params.code);
    },
  );
};
