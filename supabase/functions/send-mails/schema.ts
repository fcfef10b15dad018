// Answers of send-mails.

import { workerContract } from "../_shared/worker-contract.ts";

export const contract = workerContract("Send the e-mails of notifications and invitations", "mails");
