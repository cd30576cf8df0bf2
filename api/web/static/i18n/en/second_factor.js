// English: the authenticator app of staff, at sign-in and where they agree to another person's request.

export const words = {
  "factor.code-title": "Two-step sign-in",
  "factor.code": "Code",
  "factor.code-hint": "The 6 digits that your authenticator app shows now, or one of your recovery codes.",
  "factor.other-phone": "Set up another authenticator app",
  "factor.other-phone-hint": "On a new phone, enter a code of the old one or a recovery code first.",
  "factor.setup-title": "Set up your authenticator app",
  "factor.setup-why":
    "Staff sign in with a password and a code from an app, such as Google Authenticator, Microsoft Authenticator or 1Password.",
  "factor.scan": "Scan this QR code with the app.",
  "factor.qr": "QR code for the authenticator app",
  "factor.secret": "Can't scan it? Enter this key in the app:",
  "factor.first-code": "Code that the app shows",
  "factor.first-code-hint": "6 digits, new every 30 seconds.",
  "factor.confirm": "Confirm and sign in",
  "factor.recovery-title": "Save your recovery codes",
  "factor.recovery-why":
    "If you lose your phone, each of these codes signs you in once. They are shown only now; print them or store them in a password manager.",
  "factor.copy": "Copy the codes",
  "factor.copied": "Copied.",
  "factor.saved": "I have saved the codes",
  "factor.missing": "Please enter the code.",
  "ops.field.code": "Code from your authenticator app",
  "ops.hint.code": "The 6 digits that it shows now. Each code works once.",
  "problem.account-disabled": "This account was disabled. Please ask the auction house.",
  "problem.session-unknown": "This session has ended already.",
  "problem.account-unknown": "There is no such account.",
  "problem.second-factor-missing": "Set up an authenticator app first: sign out and sign in again.",
  "problem.second-factor-not-used": "This account signs in with its password alone.",
  "problem.code-required": "Enter the code that your authenticator app shows now.",
  "problem.code-wrong": "Wrong code, or one that was used before. Wait for the next one.",
  "problem.same-session":
    "The request was made in this browser. Another person has to approve it, in their own browser.",
};
