/** Before anything is painted, so a classic script: the theme that was chosen on this machine. None chosen: the system's (style.css). */
'use strict';
{
  let theme = null;
  try {
    theme = localStorage.getItem('millrace-theme');
  } catch {
    // no storage for this page: the system's theme
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
}
