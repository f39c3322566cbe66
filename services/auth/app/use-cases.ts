import { acceptInvitation, type AcceptInvitationDeps } from './accept-invitation.ts';
import { createApiKey, type CreateApiKeyDeps } from './create-api-key.ts';
import { getMe } from './get-me.ts';
import { inviteMember } from './invite-member.ts';
import { issueEmailVerification } from './issue-email-verification.ts';
import { getOwner } from './get-owner.ts';
import { issueInvitation } from './issue-invitation.ts';
import { listApiKeys } from './list-api-keys.ts';
import { listMembers } from './list-members.ts';
import { login, type LoginDeps } from './login.ts';
import { logout } from './logout.ts';
import { refresh, type RefreshDeps } from './refresh.ts';
import { register } from './register.ts';
import { requestVerificationMail } from './request-verification-mail.ts';
import { resendEmailVerification } from './resend-email-verification.ts';
import { revokeApiKey } from './revoke-api-key.ts';
import { setTenantPlan } from './set-tenant-plan.ts';
import { verifyApiKey, type VerifyApiKeyDeps } from './verify-api-key.ts';
import { verifyEmail } from './verify-email.ts';

export type UseCaseDeps = AcceptInvitationDeps & CreateApiKeyDeps & LoginDeps & RefreshDeps & VerifyApiKeyDeps;

/** Everything this service does, with its needs filled in. */
export const createUseCases = (deps: UseCaseDeps) => {
  const mail = requestVerificationMail(deps);
  return {
    register: register({ ...deps, requestVerificationMail: mail }),
    login: login(deps),
    refresh: refresh(deps),
    logout: logout(deps),
    getMe: getMe(deps),
    verifyEmail: verifyEmail(deps),
    resendEmailVerification: resendEmailVerification({ requestVerificationMail: mail }),
    getJwks: () => deps.accessTokens.jwks(deps.clock.now()),
    createApiKey: createApiKey(deps),
    listApiKeys: listApiKeys(deps),
    revokeApiKey: revokeApiKey(deps),
    verifyApiKey: verifyApiKey(deps),
    listMembers: listMembers(deps),
    inviteMember: inviteMember(deps),
    acceptInvitation: acceptInvitation(deps),
    issueEmailVerification: issueEmailVerification(deps),
    issueInvitation: issueInvitation(deps),
    getOwner: getOwner(deps),
    setTenantPlan: setTenantPlan(deps),
  };
};
export type UseCases = ReturnType<typeof createUseCases>;
