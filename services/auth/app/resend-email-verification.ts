import { normaliseEmail } from '../domain/email.ts';

/** Always succeeds, whether or not there is such an account (see `requestVerificationMail`). */
export const resendEmailVerification =
  (deps: { readonly requestVerificationMail: (email: string) => Promise<void> }) =>
  async (text: string): Promise<void> => {
    const email = normaliseEmail(text);
    if (email !== undefined) await deps.requestVerificationMail(email);
  };
