/** The style sheets of the shadow root as one text. */
import composer from "./style/composer.css?inline";
import log from "./style/log.css?inline";
import motion from "./style/motion.css?inline";
import panel from "./style/panel.css?inline";
import theme from "./style/theme.css?inline";

export const css = theme + panel + log + composer + motion;
