/**
 * The closed list of errors that cross a boundary. One row decides every projection: gRPC status, HTTP status, whose
 * fault it is (a metric label and an alerting rule), and whether the same call may be repeated as it is.
 * Codes are part of the public API: never rename one, never reuse one.
 */
export type ErrorOwner = 'client' | 'platform' | 'upstream' | 'capacity';

export type GrpcStatusName =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'UNIMPLEMENTED'
  | 'CANCELLED'
  | 'INTERNAL';

export interface ErrorRow {
  readonly grpc: GrpcStatusName;
  readonly http: number;
  readonly owner: ErrorOwner;
  /** The same call with the same idempotency key may succeed later. */
  readonly retryable: boolean;
  /** Default public text; a sentence a customer can act on. */
  readonly title: string;
}

const row = (grpc: GrpcStatusName, http: number, owner: ErrorOwner, retryable: boolean, title: string): ErrorRow => ({
  grpc,
  http,
  owner,
  retryable,
  title,
});

export const catalogue = {
  'request.malformed': row('INVALID_ARGUMENT', 400, 'client', false, 'The request cannot be read.'),
  'request.invalid': row('INVALID_ARGUMENT', 422, 'client', false, 'Some fields are not valid.'),
  'request.too_large': row('INVALID_ARGUMENT', 413, 'client', false, 'The request body is too large.'),
  'request.unsupported_media_type': row('INVALID_ARGUMENT', 415, 'client', false, 'Send application/json.'),
  'request.not_found': row('NOT_FOUND', 404, 'client', false, 'There is no such resource.'),
  'request.method_not_allowed': row('UNIMPLEMENTED', 405, 'client', false, 'This method is not allowed here.'),
  'request.idempotency_conflict': row('ABORTED', 409, 'client', false, 'This idempotency key was used with another request.'),
  'request.idempotency_in_progress': row('ABORTED', 409, 'client', true, 'A request with this idempotency key is still running.'),
  'request.rate_limited': row('RESOURCE_EXHAUSTED', 429, 'client', true, 'Too many requests.'),
  'request.cancelled': row('CANCELLED', 499, 'client', true, 'The caller went away.'),

  'auth.unauthenticated': row('UNAUTHENTICATED', 401, 'client', false, 'Valid credentials are needed.'),
  'auth.invalid_credentials': row('UNAUTHENTICATED', 401, 'client', false, 'E-mail or password is wrong.'),
  'auth.token_expired': row('UNAUTHENTICATED', 401, 'client', false, 'The token has expired.'),
  'auth.token_reused': row('UNAUTHENTICATED', 401, 'client', false, 'This refresh token was used before; the session has been ended.'),
  'auth.forbidden': row('PERMISSION_DENIED', 403, 'client', false, 'Your role or key does not allow this.'),
  'auth.weak_password': row(
    'INVALID_ARGUMENT',
    422,
    'client',
    false,
    'This password is too short or appears in lists of stolen passwords.',
  ),
  'auth.invalid_token': row('INVALID_ARGUMENT', 422, 'client', false, 'This token is not valid any more.'),
  'auth.busy': row('RESOURCE_EXHAUSTED', 429, 'capacity', true, 'Too many sign-ins at this moment.'),

  'billing.insufficient_credit': row('FAILED_PRECONDITION', 402, 'client', false, 'The available balance is too low.'),
  'billing.spending_paused': row('FAILED_PRECONDITION', 402, 'client', false, 'Spending is paused for this account.'),
  'billing.budget_exhausted': row('FAILED_PRECONDITION', 402, 'client', false, 'The budget of this account is used up.'),
  'billing.quote_invalid': row('FAILED_PRECONDITION', 409, 'client', false, 'This quote cannot be used (any more); ask for a new one.'),
  'billing.quote_exceeded': row('FAILED_PRECONDITION', 409, 'client', false, 'The amount is larger than the quote.'),
  'billing.no_price': row('INVALID_ARGUMENT', 422, 'client', false, 'There is no price for this.'),
  'billing.price_book_state': row('FAILED_PRECONDITION', 409, 'client', false, 'The price book is not in a state that allows this.'),
  'billing.second_person_needed': row('PERMISSION_DENIED', 403, 'client', false, 'A second person must decide this.'),
  'billing.promotion_refused': row('FAILED_PRECONDITION', 409, 'client', false, 'This code cannot be redeemed.'),
  'billing.no_subscription': row('FAILED_PRECONDITION', 409, 'client', false, 'There is no subscription; the free plan needs none.'),
  'billing.subscription_past_due': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'The last period is not paid yet: top up the wallet, or cancel.',
  ),
  'billing.hold_captured': row('FAILED_PRECONDITION', 409, 'client', false, 'The hold was captured already.'),
  'billing.hold_released': row('FAILED_PRECONDITION', 409, 'client', false, 'The hold was released already.'),
  'billing.hold_expired': row('FAILED_PRECONDITION', 409, 'client', false, 'The hold has expired.'),
  'billing.capture_exceeds_hold': row('FAILED_PRECONDITION', 409, 'client', false, 'The capture is larger than what is held.'),
  'billing.refund_exceeds_charge': row('FAILED_PRECONDITION', 409, 'client', false, 'More would be given back than is left of the charge.'),
  'billing.refund_exceeds_payment': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'More would be given back than is left of the payment.',
  ),
  'billing.payment_not_paid': row('FAILED_PRECONDITION', 409, 'client', false, 'The payment was not paid.'),
  'billing.no_payment_method': row('FAILED_PRECONDITION', 409, 'client', false, 'There is no saved payment method to charge.'),
  'billing.payment_settled': row('FAILED_PRECONDITION', 409, 'client', false, 'The payment can have no further attempt.'),
  'billing.adjustment_decided': row('FAILED_PRECONDITION', 409, 'client', false, 'The adjustment was decided already.'),
  'billing.self_approval': row('PERMISSION_DENIED', 403, 'client', false, 'Somebody else has to approve this.'),
  'billing.gateway_unavailable': row('UNAVAILABLE', 503, 'upstream', true, 'The payment gateway does not answer.'),
  'billing.invalid_signature': row('UNAUTHENTICATED', 401, 'client', false, 'The signature is not valid.'),

  'verification.service_blocked': row(
    'PERMISSION_DENIED',
    403,
    'client',
    false,
    'This service may not be rented under the acceptable-use policy.',
  ),
  'verification.kyc_required': row(
    'PERMISSION_DENIED',
    403,
    'client',
    false,
    'This service needs an account whose holder is known (a higher KYC level).',
  ),
  'verification.switched_off': row('PERMISSION_DENIED', 403, 'platform', true, 'Purchases are switched off by those who run the platform.'),
  'verification.success_too_low': row('FAILED_PRECONDITION', 409, 'client', true, 'Too few of your numbers got a code.'),
  'verification.limit_reached': row('RESOURCE_EXHAUSTED', 429, 'client', true, 'A limit of your account is reached.'),
  'verification.no_block': row('FAILED_PRECONDITION', 409, 'client', false, 'There is no block to acknowledge.'),
  'verification.acknowledgements_used': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'You have lifted this block too often; wait for its end.',
  ),
  'verification.report_decided': row('FAILED_PRECONDITION', 409, 'client', false, 'The abuse report was decided already.'),
  'verification.no_numbers': row('FAILED_PRECONDITION', 409, 'upstream', true, 'No number is available for this service and country now.'),
  'verification.price_exceeded': row('FAILED_PRECONDITION', 409, 'client', false, 'The price is above the maximum you set.'),
  'verification.not_offered': row('INVALID_ARGUMENT', 422, 'client', false, 'This service is not offered in this country.'),
  'verification.code_already_received': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'A code has arrived; the verification cannot be cancelled.',
  ),
  'verification.not_cancellable': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'The verification cannot be cancelled in its present state.',
  ),
  'verification.early_cancel': row('FAILED_PRECONDITION', 409, 'client', true, 'The provider does not accept a cancellation yet.'),
  'verification.another_code_unavailable': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'No further code can be asked for on this number.',
  ),
  'verification.provider_unavailable': row('UNAVAILABLE', 503, 'upstream', true, 'The number provider does not answer.'),

  'campaign.wrong_state': row('FAILED_PRECONDITION', 409, 'client', false, 'The campaign is not in a state that allows this.'),
  'campaign.empty_audience': row('INVALID_ARGUMENT', 422, 'client', false, 'The audience has no contact that can be reached.'),
  'campaign.contact_exists': row('ALREADY_EXISTS', 409, 'client', false, 'A contact with this phone number exists already.'),

  'webhook.limit_reached': row('FAILED_PRECONDITION', 409, 'client', false, 'Your plan has no further webhook endpoint.'),
  'webhook.endpoint_disabled': row('FAILED_PRECONDITION', 409, 'client', false, 'The endpoint is switched off; enable it first.'),
  'webhook.rotation_in_progress': row(
    'FAILED_PRECONDITION',
    409,
    'client',
    false,
    'The secret before the present one still signs; wait for its end, or rotate with an overlap of 0.',
  ),

  'platform.unavailable': row('UNAVAILABLE', 503, 'platform', true, 'A part of the platform is not available.'),
  'platform.overloaded': row('RESOURCE_EXHAUSTED', 503, 'capacity', true, 'The platform is at capacity; try again shortly.'),
  'platform.deadline_exceeded': row('DEADLINE_EXCEEDED', 504, 'platform', true, 'The request took too long.'),
  'platform.unimplemented': row('UNIMPLEMENTED', 501, 'platform', false, 'This is not available.'),
  'platform.internal': row('INTERNAL', 500, 'platform', false, 'Something went wrong on our side.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof catalogue;

export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(catalogue, value);
