/** The controls that stand in tables: made once, and left alone while they are used. */
import { el, hasFocus, newId, setAttribute, setClass } from './dom.js';
import { Tuned } from './tuned.js';

/** A slider reaches this far at least; what is beyond is typed. */
const SLIDER_MAX = 20;

/**
 * A weight: a slider for the hand, a number for what must be exact.
 * @param {import('./tuned.js').App} app @param {{ path: string, label: string, value: number }} options
 */
export function weightControl(app, { path, label, value }) {
  let now = value;
  const tuned = new Tuned(app, { path, bodyOf: (weight) => ({ weight }), revert: () => set(now) });
  const { slider, element, set, isTyping } = weightInputs(label, (weight, atOnce) => tuned.want(weight, atOnce));
  set(value);
  element.append(tuned.note.element);
  return {
    element,
    /** @param {number} weight @param {number} most of all weights beside it */
    update(weight, most) {
      now = weight;
      const max = String(Math.max(SLIDER_MAX, niceAbove(most)));
      if (!hasFocus(element) || tuned.busy) setAttribute(slider, 'max', max);
      if (!tuned.busy && !isTyping()) set(weight);
    },
  };
}

/** @param {string} label @param {(weight: number, atOnce: boolean) => void} want */
export function weightInputs(label, want) {
  const slider = el('input', { type: 'range', min: 0, max: SLIDER_MAX, step: 1, 'aria-label': `${label}, slider`, oninput: () => typed(slider, false) });
  const number = el('input', { type: 'number', min: 0, step: 1, inputmode: 'numeric', 'aria-label': label, oninput: () => (typing = true), onblur: () => (typing = false), onchange: () => typed(number, true) });
  let typing = false;
  /** @param {number} weight */
  const set = (weight) => {
    typing = false;
    const text = String(weight);
    if (number.value !== text) number.value = text;
    if (slider.value !== text) slider.value = text;
  };
  const typed = (/** @type {HTMLInputElement} */ from, /** @type {boolean} */ atOnce) => {
    if (from.value.trim() === '' || Number.isNaN(from.valueAsNumber)) return;
    set(from.valueAsNumber);
    want(from.valueAsNumber, atOnce);
  };
  return { slider, number, set, isTyping: () => typing, element: el('div', { class: 'weight' }, slider, number) };
}

/** 1, 2 or 5 times a power of ten. @param {number} value */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value) ?? value;
}

/**
 * A switch: on or off, sent at once.
 * @param {import('./tuned.js').App} app
 * @param {{ path: string, method?: string, label: string, on: boolean, bodyOf: (on: boolean) => unknown, words?: [off: string, on: string] }} options
 */
export function switchControl(app, { path, method, label, on, bodyOf, words = ['off', 'on'] }) {
  let now = on;
  const show = (/** @type {boolean} */ value) => {
    setAttribute(button, 'aria-checked', String(value));
    setClass(button, 'on', value);
    state.textContent = words[value ? 1 : 0];
  };
  const tuned = new Tuned(app, { path, method, bodyOf, revert: () => show(now) });
  const state = el('span', { class: 'state' });
  const button = el('button', { type: 'button', role: 'switch', class: 'switch', 'aria-label': label, onclick: () => {
    const wanted = button.getAttribute('aria-checked') !== 'true';
    show(wanted);
    tuned.want(wanted, true);
  } }, el('span', { class: 'knob', 'aria-hidden': 'true' }), state);
  show(on);
  return {
    element: el('div', { class: 'switching' }, button, tuned.note.element),
    /** @param {boolean} value */
    update(value) {
      if (value === now && !tuned.busy) return;
      now = value;
      if (!tuned.busy) show(value);
    },
  };
}

/**
 * A choice of words.
 * @param {import('./tuned.js').App} app
 * @param {{ path: string, method?: string, label: string, choices: readonly string[], value: string, bodyOf: (value: string) => unknown }} options
 */
export function choiceControl(app, { path, method, label, choices, value, bodyOf }) {
  let now = value;
  const id = newId('choice');
  const set = (/** @type {string} */ text) => {
    if (![...select.options].some((/** @type {any} */ option) => option.value === text)) select.append(el('option', { value: text }, text));
    if (select.value !== text) select.value = text;
  };
  const tuned = new Tuned(app, { path, method, bodyOf, revert: () => set(now) });
  const select = el('select', { id, onchange: () => tuned.want(select.value, true) }, ...choices.map((choice) => el('option', { value: choice }, choice)));
  set(value);
  return {
    element: el('span', { class: 'choice' }, el('label', { for: id }, label), ' ', select, tuned.note.element),
    /** @param {string} text */
    update(text) {
      now = text;
      if (!tuned.busy && document.activeElement !== select) set(text);
    },
  };
}

/**
 * A text that is sent with Enter or the button.
 * @param {import('./tuned.js').App} app
 * @param {{ path: string, label: string, value: string, bodyOf: (value: string) => unknown, hint?: string }} options
 */
export function textControl(app, { path, label, value, bodyOf, hint }) {
  let now = value;
  const id = newId('text');
  const tuned = new Tuned(app, { path, bodyOf, revert: () => (input.value = now) });
  const input = el('input', { id, type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: hint, oninput: () => (apply.disabled = input.value === now) });
  const apply = el('button', { type: 'submit' }, 'Apply');
  const form = el('form', { class: 'text', onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    tuned.want(input.value.trim(), true);
  } }, el('label', { for: id }, label), input, apply, tuned.note.element);
  input.value = value;
  apply.disabled = true;
  return {
    element: form,
    /** @param {string} text */
    update(text) {
      if (text === now) return;
      const untouched = input.value === now;
      now = text;
      if (untouched || !hasFocus(form)) input.value = text;
      apply.disabled = input.value === now;
    },
  };
}
