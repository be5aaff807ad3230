// As the system, dark, light: a click goes on to the next. The choice stays in this browser.
const WORDS = { system: "◐ system", dark: "☾ dark", light: "☀ light" };
const ORDER = ["system", "dark", "light"];
const PLACE = "holdfast-theme";

export default {
  template: `<button type="button" class="theme" @click="next" :title="'Colours: ' + choice">{{ words }}</button>`,
  data() {
    const kept = localStorage.getItem(PLACE);
    return { choice: ORDER.includes(kept) ? kept : "system" };
  },
  computed: {
    words() {
      return WORDS[this.choice];
    },
  },
  mounted() {
    setTimeout(this.apply, 0); // the page hands out its colour setter when it is mounted, after this element
  },
  methods: {
    apply() {
      setDark(this.choice === "system" ? null : this.choice === "dark");
    },
    next() {
      this.choice = ORDER[(ORDER.indexOf(this.choice) + 1) % ORDER.length];
      localStorage.setItem(PLACE, this.choice);
      this.apply();
    },
  },
};
