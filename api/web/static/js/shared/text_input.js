// Text as the API accepts it. Browsers and Chinese keyboards put in spaces that are not the ordinary one.

/** What was typed without white space around it; white space in it, line breaks too, becomes one ordinary space. */
export const typedText = (text) => text.trim().replace(/\s+/g, " ");
