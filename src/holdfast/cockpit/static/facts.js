// Named values as a description list. Text is never read as HTML.
export default {
  template: `
    <dl class="facts" :aria-label="label">
      <div v-for="item in items" :key="item.name" class="fact">
        <dt>{{ item.name }}</dt>
        <dd><span :class="['cell', item.cell.tone]" :data-why="item.cell.why"
                  :aria-label="spoken(item.cell)"
                  :tabindex="item.cell.why ? 0 : null"
                  :role="item.cell.pips ? 'img' : null"><template v-if="item.cell.pips"
                ><i v-for="pip in item.cell.pips" :class="['pip', pip]"></i></template
                >{{ item.cell.pips ? "" : item.cell.text }}</span
          ><span v-if="item.cell.sub" class="sub">{{ " " + item.cell.sub }}</span></dd>
      </div>
    </dl>`,
  props: { items: Array, label: String },
  methods: {
    spoken(cell) {
      return cell.tone === "absent" ? "absent: " + cell.why : cell.pips ? cell.text : null;
    },
  },
};
