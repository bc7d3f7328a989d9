import { type CreditsDraft, creditsDraft } from "../../parts/account/CreditsField.tsx";
import type { LimitDraft } from "../../parts/limitDrafts.ts";

/** The contents of the form that creates a key. */
export type KeyDraft = {
  apiId: string;
  name: string;
  externalId: string;
  prefix: string;
  meta: string;
  expires: string;
  enabled: boolean;
  recoverable: boolean;
  roles: readonly string[];
  permissions: string;
  credits: CreditsDraft;
  limits: readonly LimitDraft[];
};

export function newDraft(apiId = "", externalId = ""): KeyDraft {
  return {
    apiId,
    name: "",
    externalId,
    prefix: "",
    meta: "",
    expires: "",
    enabled: true,
    recoverable: false,
    roles: [],
    permissions: "",
    credits: creditsDraft(undefined),
    limits: [],
  };
}
